// Command gpx_kmstrail is the backend of the Grafana datasource
// kmstrail-kms-datasource. Grafana starts it and speaks gRPC to it.
package main

import (
	"os"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/plugin"
)

func main() {
	if err := datasource.Manage(plugin.ID, plugin.New, datasource.ManageOpts{}); err != nil {
		backend.Logger.Error("the plugin ended", "error", err.Error())
		os.Exit(1) //nolint:forbidigo // this is main
	}
}
