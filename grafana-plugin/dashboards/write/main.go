// Command write writes the dashboards to the folder that is given, from where
// they are packed with the plugin.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kmstrail/kmstrail/grafana-plugin/dashboards"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: write DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "write:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, d := range dashboards.All() {
		raw, err := d.JSON()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, d.File()), raw, 0o644); err != nil {
			return err
		}
	}
	return nil
}
