package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/config"
)

func configCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the configuration in force, or an example of one",
	}
	group(cmd)
	cmd.AddCommand(&cobra.Command{
		Use:   "show",
		Short: "Print every value in force and where it comes from",
		Long: `Prints the effective configuration as YAML, with the file and line, variable
or flag behind each value. The file is --config, else KMSTRAIL_CONFIG, else the
first that exists of ./kmstrail.yaml and $XDG_CONFIG_HOME/kmstrail/kmstrail.yaml.
Variables named KMSTRAIL_… override it (aws.region is KMSTRAIL_AWS_REGION),
flags override both. Passwords in URLs are hidden.`,
		Example: `  kmstrail config show
  KMSTRAIL_AWS_REGION=eu-west-1 kmstrail config show --db /tmp/other.duckdb`,
		Args: noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			if cfg.File() == "" {
				a.say("no configuration file; kmstrail config example prints one")
			}
			return cfg.Write(a.stdout)
		},
	}, &cobra.Command{
		Use:     "example",
		Short:   "Print a kmstrail.yaml in which every key is explained",
		Long:    "Prints a configuration file in which every key is explained and commented out.",
		Example: `  kmstrail config example > kmstrail.yaml`,
		Args:    noArguments(),
		RunE: func(*cobra.Command, []string) error {
			if _, err := io.WriteString(a.stdout, config.Example()); err != nil {
				return fmt.Errorf("print example: %w", err)
			}
			return nil
		},
	})
	return cmd
}
