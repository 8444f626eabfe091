package main

import (
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/operate"
)

// decision is a command by which a person decides about findings.
type decision struct {
	name, status, short, long string
	// from are the statuses that the shell offers findings of.
	from []string
}

var decisions = []decision{
	{
		"acknowledge", "in_progress", "Say that somebody works on findings",
		"Makes findings in_progress: somebody works on them.",
		[]string{"new"},
	},
	{
		"resolve", "resolved", "Say that findings are done with",
		"Makes findings resolved. One that is seen again later than until now becomes new.",
		[]string{"new", "in_progress"},
	},
	{
		"suppress", "suppressed", "Say that findings are wanted",
		"Makes findings suppressed: they are known and wanted, and stay suppressed when they are\nseen again. Where the configuration can say so (trusted_accounts, context_rules, quotas)\nthat is better: it also holds for what comes new.",
		[]string{"new", "in_progress"},
	},
	{
		"reopen", "new", "Take a decision back",
		"Makes findings new again, whatever was decided about them.",
		[]string{"in_progress", "suppressed", "resolved"},
	},
}

func findingsDecideCommand(a *app, d decision) *cobra.Command {
	var note, by string
	cmd := &cobra.Command{
		Use:   d.name + " ID [ID…]",
		Short: d.short,
		Long:  d.long + " The note and who decided it\nare kept in the finding's history.",
		Example: "  kmstrail findings " + d.name + " 5f3a9c21\n" +
			"  kmstrail findings " + d.name + " 5f3a9c21 8e07b1d4 --note 'see ticket 4711' --by ann",
		Args:              between(1, 1000, "the finding's id"),
		ValidArgsFunction: a.completeFindings(d.from...),
		RunE: func(cmd *cobra.Command, args []string) error {
			if by == "" {
				by = a.userName()
			}
			if by == "" {
				return usagef("add --by NAME", "who decides this is not known: $USER is not set, and the system does not tell")
			}
			return a.decide(cmd, operate.DecideRequest{Findings: args, Status: d.status, Note: note, By: by})
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "why, for those who read the history: `TEXT`")
	cmd.Flags().StringVar(&by, "by", "", "`NAME` of who decides (default $USER, else the name of the account)")
	return cmd
}

// userName returns $USER, else the name of the account, else its number; ""
// where the system has none of them.
func (a *app) userName() string {
	for _, e := range a.environ {
		if name, value, _ := strings.Cut(e, "="); name == "USER" && value != "" {
			return value
		}
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	if uid := os.Getuid(); uid >= 0 {
		return "uid " + strconv.Itoa(uid)
	}
	return ""
}

func (a *app) decide(cmd *cobra.Command, req operate.DecideRequest) (err error) {
	cfg, err := a.load(cmd)
	if err != nil {
		return err
	}
	work, err := a.openToChange(cmd.Context(), cfg, openOptions{})
	if err != nil {
		return err
	}
	defer closeStore(work, &err)
	done, err := work.Decide(cmd.Context(), req)
	for _, d := range done {
		a.say("%s %s: was %s, is %s", short(d.FindingID), d.DetectorID, d.Was, d.Is)
	}
	return err
}
