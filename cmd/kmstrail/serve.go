package main

import (
	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/serve"
)

func serveCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve [s3://BUCKET/PREFIX | DIR]",
		Short: "Ingest without pause, run detectors on schedule, answer queries",
		Long: `Owns the store until it is stopped. It reads what the source delivers as it
comes, runs the detectors on the schedule of the configuration, writes reports
and backups, and answers:

  Arrow Flight SQL  queries: Grafana, ADBC, JDBC, kmstrail itself (server.flight)
  HTTP              status page, reports, metrics, health, API (server.http)

Other kmstrail commands of this user on this machine find it by the store and
ask it, without a token. Everybody else needs one: kmstrail token create. Both
addresses are loopback only unless there is a certificate (server.tls_cert).

Ctrl-C, SIGTERM or SIGHUP lets what is at work end and stops. When it is killed nothing
is lost: the next start goes on.`,
		Example: `  kmstrail serve s3://my-trail-bucket
  kmstrail serve --config /etc/kmstrail/kmstrail.yaml
  kmstrail serve ./logs --anonymous --poll 10s
  kmstrail token create grafana --role read --expires 365d`,
		Args: between(0, 1, "the source"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				cfg.Ingest.Source = args[0]
			}
			if name := cfg.Ingest.Source; name != "" {
				if err := operate.CheckSource(name); err != nil {
					return err
				}
			}
			if cfg.Engine == trinoEngine {
				return usagef("kmstrail query --engine trino asks Trino itself", "a server answers from its store; engine %s has none", cfg.Engine)
			}
			keepPrivate() // whoever could read the store would need no token
			return serve.Run(cmd.Context(), serve.Options{Config: cfg, Version: version, Log: a.log, Now: a.now})
		},
	}
	flags := cmd.Flags()
	flags.String("http", "", "`ADDRESS` of status page and API, or off (default 127.0.0.1:8814)")
	flags.String("flight", "", "`ADDRESS` of Arrow Flight SQL, or off (default 127.0.0.1:8815)")
	flags.Bool("anonymous", false, "let everyone on this machine read without a token")
	flags.String("poll", "", "list the current day's log files every `SPAN` (default 1m)")
	flags.String("tls-cert", "", "`FILE` of the certificate, in PEM")
	flags.String("tls-key", "", "`FILE` of its key")
	for flag, path := range map[string]string{
		"http": "server.http", "flight": "server.flight", "anonymous": "server.anonymous", "poll": "server.poll",
		"tls-cert": "server.tls_cert", "tls-key": "server.tls_key",
	} {
		overrides(cmd, flag, path)
	}
	return cmd
}
