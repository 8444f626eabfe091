package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootLong = `kmstrail reads the CloudTrail logs that you keep in S3 and answers questions
about your AWS KMS keys: who uses which key, for what data, from where, how
fast, whether that is right, and what breaks if the key goes away.

It keeps the KMS events in one DuckDB file (--db, by default kmstrail.duckdb in
the current directory) and only ever reads from AWS. Where kmstrail serve has
that file open, the commands ask the server; so they do with client.url.`

const rootExample = `  kmstrail doctor s3://my-trail-bucket
  kmstrail ingest s3://my-trail-bucket --last 30d
  kmstrail detect
  kmstrail report --format html --output report.html
  kmstrail sql "select event_name, count(*) from kms_calls group by 1 order by 2 desc"`

// newRoot builds the command tree.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:               "kmstrail",
		Short:             "Answers about AWS KMS keys from CloudTrail logs",
		Long:              rootLong,
		Example:           rootExample,
		Version:           version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.setUp() },
	}
	group(root)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetVersionTemplate("kmstrail {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)

	flags := root.PersistentFlags()
	flags.SortFlags = false
	flags.StringVar(&a.configFile, "config", "", "configuration `FILE` (default ./kmstrail.yaml, then $XDG_CONFIG_HOME/kmstrail/kmstrail.yaml)")
	flags.StringVar(&a.db, "db", "", "store, a DuckDB `FILE` (default kmstrail.duckdb); given here, it is meant even where client.url names a server")
	flags.StringVar(&a.logFormat, "log-format", "text", "`FORMAT` of messages on standard error: text or json")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "only warnings and errors on standard error")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "more messages on standard error")
	overrides(root, "db", "db")
	completeValues(root, "log-format", func() []string { return []string{"text", "json"} })

	root.AddGroup(
		&cobra.Group{ID: "use", Title: "Use:"},
		&cobra.Group{ID: "ask", Title: "Ask:"},
		&cobra.Group{ID: "set", Title: "Set up and look after:"},
	)
	add := func(id string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	add("use", ingestCommand(a), verifyCommand(a), detectCommand(a), findingsCommand(a), reportCommand(a), serveCommand(a))
	add("ask", keyCommand(a), principalCommand(a), resourceCommand(a), sqlCommand(a), queryCommand(a), eventCommand(a), statusCommand(a))
	add("set", doctorCommand(a), detectorsCommand(a), inventoryCommand(a), iamPolicyCommand(a), lakeCommand(a), maintainCommand(a), rebuildCommand(a), backupCommand(a), restoreCommand(a), healthCommand(a), configCommand(a), demoCommand(a), tokenCommand(a), versionCommand(a))
	root.SetCompletionCommandGroupID("set")
	root.SetHelpCommandGroupID("set")
	return root
}

// setUp makes what the global flags ask for.
func (a *app) setUp() error {
	level := levelNormal
	switch {
	case a.quiet:
		level = levelQuiet
	case a.verbose:
		level = levelVerbose
	}
	if err := oneOf("--log-format", a.logFormat, []string{"text", "json"}); err != nil {
		return err
	}
	a.log = newLogger(a.stderr, a.logFormat, level)
	return nil
}

// group makes cmd a command that only holds others.
func group(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var names []string
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				names = append(names, c.Name())
			}
		}
		if len(args) > 0 {
			return usagef(suggestion(args[0], names), "unknown command %q for %q", args[0], cmd.CommandPath())
		}
		if cmd.HasParent() {
			return usagef("one of: "+strings.Join(names, ", "), "%s needs a command", cmd.CommandPath())
		}
		return cmd.Help()
	}
}

// flagError says which flag was meant.
func flagError(cmd *cobra.Command, err error) error {
	hint := "see " + cmd.CommandPath() + " --help"
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		if s := suggestion(unknown.GetSpecifiedName(), names); strings.HasPrefix(s, "did you") {
			hint = strings.Replace(s, "mean ", "mean --", 1)
		}
	}
	return usagef(hint, "%s", err)
}

// one wants exactly one argument; what names it.
func one(what string) cobra.PositionalArgs { return between(1, 1, what) }

// between checks the number of arguments.
func between(low, high int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < low:
			return usagef("usage: "+cmd.UseLine(), "%s is missing", what)
		case len(args) > high && high == 0:
			return usagef("usage: "+cmd.UseLine(), "unexpected argument %q", args[0])
		case len(args) > high:
			return usagef("usage: "+cmd.UseLine(), "unexpected argument %q after %s", args[high], what)
		}
		return nil
	}
}

func noArguments() cobra.PositionalArgs { return between(0, 0, "") }

// completeValues offers values for a flag in the shell.
func completeValues(cmd *cobra.Command, flag string, values func() []string) {
	// The only error is an unknown or twice registered flag: ours.
	if err := cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	}); err != nil {
		panic(err)
	}
}
