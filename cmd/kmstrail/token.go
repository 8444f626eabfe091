package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/client"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/output"
)

func tokenCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Say who may ask a server over the network",
		Long: `Tokens are kept in a file beside the store (<db>.tokens), which only its owner
may read and which holds no secret, only hashes. These commands work on that
file whether a server runs or not; a running server follows at once. With
client.url, and no --db, they ask that server instead, which wants a token of
role admin for it.

Programs on the server's own machine that could open the store need no token.`,
	}
	group(cmd)
	cmd.AddCommand(tokenCreateCommand(a), tokenListCommand(a), tokenRevokeCommand(a))
	return cmd
}

func tokenCreateCommand(a *app) *cobra.Command {
	var role, expires string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token and print it, once",
		Long: `Makes a token and prints it on standard output. It cannot be shown again.

Roles, each of which may do what the ones before it may:
  read     queries, status, findings, reports
  operate  decisions about findings, ingest, detect, rebuild, maintain, backup
  admin    tokens, ingest from other sources than the configured one

Give each person and each program a token of its own: the audit log says its
name, and one can be revoked without the others. Commands take it from the
variable KMSTRAIL_CLIENT_TOKEN; browsers and database clients as a password,
with any user name.`,
		Example: `  kmstrail token create grafana --role read --expires 365d
  kmstrail token create ann --role operate > ann.token
  kmstrail token create backup-job --role operate --expires never`,
		Args: one("the token's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--role", role, roleNames()); err != nil {
				return err
			}
			end, err := expiry(expires, a.now())
			if err != nil {
				return err
			}
			tokens, err := a.tokens(cmd)
			if err != nil {
				return err
			}
			if err := access.CheckName(args[0]); err != nil {
				return usagef("", "%s", err)
			}
			secret, err := tokens.create(args[0], access.Role(role), end)
			if errors.Is(err, access.ErrNameTaken) {
				return adviceError{err, "give another name, or first: kmstrail token revoke " + args[0]}
			}
			if err != nil {
				return err
			}
			if _, err := io.WriteString(a.stdout, secret+"\n"); err != nil {
				// Nobody has it, so nobody shall use it.
				return errors.Join(fmt.Errorf("print token: %w", err), tokens.revoke(args[0]))
			}
			until := "never expires"
			if !end.IsZero() {
				until = "expires " + output.Time(end)
			}
			a.say("token %s, role %s, %s; it is not shown again", args[0], role, until)
			return nil
		},
	}
	cmd.Flags().StringVar(&role, "role", string(access.Read), "`ROLE`: read, operate or admin")
	cmd.Flags().StringVar(&expires, "expires", "90d", "`SPAN` after which it ends, such as 12h or 90d, or never")
	completeValues(cmd, "role", roleNames)
	completeValues(cmd, "expires", func() []string { return []string{"1d", "30d", "90d", "365d", "never"} })
	return cmd
}

func tokenListCommand(a *app) *cobra.Command {
	var format string
	formats := []string{"table", "json"}
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the tokens, without their secrets",
		Long:    "Lists the tokens, expired ones as well. Last use is noted once an hour. A leaked token shows its id: kmst_ID_….",
		Example: "  kmstrail token list\n  kmstrail token list --format json | jq '.[] | select(.expires_at == null)'",
		Args:    noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--format", format, formats); err != nil {
				return err
			}
			tokens, err := a.tokens(cmd)
			if err != nil {
				return err
			}
			list, err := tokens.list()
			if err != nil {
				return err
			}
			if format == "json" {
				return writeIndented(a.stdout, list)
			}
			return a.printTokens(list)
		},
	}
	cmd.Flags().StringVar(&format, "format", "table", "`FORMAT`: table or json")
	completeValues(cmd, "format", func() []string { return formats })
	return cmd
}

func tokenRevokeCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "revoke NAME",
		Short:   "End a token at once",
		Long:    "Ends a token: a running server refuses it from the next request on.",
		Example: "  kmstrail token revoke grafana",
		Args:    one("the token's name"),
		ValidArgsFunction: func(cmd *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
			names, err := a.tokenNames(cmd)
			if err != nil || len(given) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var out []string
			for _, name := range names {
				if strings.HasPrefix(name, typed) {
					out = append(out, name)
				}
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			tokens, err := a.tokens(cmd)
			if err != nil {
				return err
			}
			err = tokens.revoke(args[0])
			if errors.Is(err, access.ErrUnknownToken) {
				names, _ := a.tokenNames(cmd) // the error is about something else
				hint := "there are no tokens"
				if len(names) > 0 {
					hint = suggestion(args[0], names)
				}
				return usagef(hint, "%s", err)
			}
			if err != nil {
				return err
			}
			a.say("token %s is revoked", args[0])
			return nil
		},
	}
}

// tokenKeeper makes, lists and ends tokens.
type tokenKeeper struct {
	create func(name string, role access.Role, expires time.Time) (secret string, err error)
	list   func() ([]access.Token, error)
	revoke func(name string) error
}

// tokens returns the tokens of the configured server, else of the store.
func (a *app) tokens(cmd *cobra.Command) (*tokenKeeper, error) {
	cfg, err := a.load(cmd)
	if err != nil {
		return nil, err
	}
	if isRemote(cfg) {
		return a.remoteTokens(cmd.Context(), cfg)
	}
	if cfg.DB == duck.Memory {
		return nil, usagef("name a file with --db", "a store in memory has no tokens")
	}
	if _, err := os.Stat(cfg.DB); errors.Is(err, os.ErrNotExist) {
		a.warn("there is no store at %s yet; --db names another", cfg.DB)
	}
	file := access.OpenTokens(access.TokensPath(cfg.DB), a.now)
	return &tokenKeeper{create: file.Create, list: file.List, revoke: file.Revoke}, nil
}

// remoteTokens asks the server of client.url.
func (a *app) remoteTokens(ctx context.Context, cfg config.Config) (*tokenKeeper, error) {
	target, err := a.findServer(ctx, cfg)
	if err != nil {
		return nil, err
	}
	c, err := client.Open(ctx, *target) // the end of the process ends its connections
	if err != nil {
		return nil, err
	}
	return &tokenKeeper{
		create: func(name string, role access.Role, expires time.Time) (string, error) {
			return c.CreateToken(ctx, name, role, expires)
		},
		list: func() ([]access.Token, error) { return c.Tokens(ctx) },
		revoke: func(name string) error {
			err := c.RevokeToken(ctx, name)
			if p, ok := errors.AsType[*operate.ProblemError](err); ok && p.Problem.Kind == operate.KindNotFound {
				return fmt.Errorf("revoke token %s: %w", name, access.ErrUnknownToken)
			}
			return err
		},
	}, nil
}

func (a *app) tokenNames(cmd *cobra.Command) ([]string, error) {
	tokens, err := a.tokens(cmd)
	if err != nil {
		return nil, err
	}
	list, err := tokens.list()
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(list))
	for _, t := range list {
		names = append(names, t.Name)
	}
	return names, nil
}

func (a *app) printTokens(list []access.Token) error {
	t := output.Table{Head: []string{"name", "role", "id", "created", "expires", "last used"}}
	t.Width, _ = terminal(a.stdout)
	for _, token := range list {
		expires := momentOrNever(token.ExpiresAt)
		if token.Expired(a.now()) {
			expires = "expired " + expires
		}
		t.Rows = append(t.Rows, []string{
			token.Name, string(token.Role), token.ID, output.Time(token.CreatedAt), expires, momentOrNever(token.LastUsedAt),
		})
	}
	if err := t.Write(a.stdout); err != nil {
		return fmt.Errorf("print tokens: %w", err)
	}
	a.say("%s", output.Plural(int64(len(list)), "token"))
	return nil
}

func momentOrNever(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return output.Time(*t)
}

// expiry is when a token made now ends; a zero time is never.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "never" {
		return time.Time{}, nil
	}
	span, err := config.ParseDuration(text)
	if err != nil {
		return time.Time{}, usagef("write 12h, 90d or never", "--expires: %v", err)
	}
	return now.Add(span), nil
}

func roleNames() []string {
	names := make([]string, 0, len(access.Roles()))
	for _, r := range access.Roles() {
		names = append(names, string(r))
	}
	return names
}
