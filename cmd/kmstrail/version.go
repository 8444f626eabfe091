package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/schema"
)

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Prints the version of kmstrail, of the layout of its store and of what it is built with.",
		Example: "  kmstrail version",
		Args:    noArguments(),
		RunE: func(*cobra.Command, []string) error {
			info, ok := debug.ReadBuildInfo()
			version := version
			if version == "unknown" && ok && info.Main.Version != "" {
				version = info.Main.Version // built by go install
			}
			_, err := fmt.Fprintf(a.stdout, "kmstrail %s\nstore layout %d\n%s %s/%s\n",
				version, schema.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			if err != nil {
				return err
			}
			for _, dep := range deps(info, ok) {
				if _, err := fmt.Fprintln(a.stdout, dep); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// deps names the libraries whose version matters to a bug report.
func deps(info *debug.BuildInfo, ok bool) []string {
	var out []string
	if !ok {
		return nil
	}
	for _, d := range info.Deps {
		switch d.Path {
		case "github.com/duckdb/duckdb-go/v2", "github.com/apache/arrow-go/v18", "github.com/aws/aws-sdk-go-v2":
			out = append(out, d.Path+" "+d.Version)
		}
	}
	return out
}
