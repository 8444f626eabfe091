package dossier

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/report"
	"github.com/kmstrail/kmstrail/queries"
)

// Options says what a page is about besides its subject.
type Options struct {
	// Version is kmstrail's own, shown at the end; "" leaves it out.
	Version string
	// Window is the time to look at. It is widened to whole days, because what
	// outlives the events is kept by day.
	Window report.Window
	// Now is the time that the page says it was made at.
	Now time.Time
	// Detectors are the known ones, Findings what the store holds.
	Detectors []*detectors.Detector
	Findings  []detectors.Finding
}

// DefaultDays is how many days of the logs a page looks at when nothing else is
// asked for.
const DefaultDays = 30

const oneDay = 24 * time.Hour

// LastDays is a window of n whole days that ends with the day of a moment.
func LastDays(last time.Time, n int) report.Window {
	end := last.UTC().Truncate(oneDay).Add(oneDay)
	return report.Window{Start: end.AddDate(0, 0, -n), End: end}
}

// wholeDays widens a window to whole days, UTC.
func wholeDays(w report.Window) report.Window {
	start, end := w.Start.UTC().Truncate(oneDay), w.End.UTC()
	if whole := end.Truncate(oneDay); !whole.Equal(end) {
		end = whole.Add(oneDay)
	}
	return report.Window{Start: start, End: end}
}

// builder is the state of making one page.
type builder struct {
	store  Store
	opts   Options
	window report.Window
	names  names
}

func newBuilder(store Store, opts Options) *builder {
	return &builder{store: store, opts: opts, window: wholeDays(opts.Window)}
}

func (b *builder) head(kind string) Head {
	return Head{
		FormatVersion: FormatVersion, Kind: kind, Version: b.opts.Version,
		GeneratedAt: b.opts.Now.UTC().Truncate(time.Second), Window: b.window, names: b.names,
	}
}

// inWindow is the window as named queries take it.
func (b *builder) inWindow() queries.Window {
	return queries.Window{Start: b.window.Start, End: b.window.End}
}

// days counts the window's days.
func (b *builder) days() int { return int(b.window.End.Sub(b.window.Start) / oneDay) }

// command writes a kmstrail command that shows all rows of a list.
func (b *builder) command(query string, params ...string) string {
	parts := []string{"kmstrail query " + query}
	for i := 0; i+1 < len(params); i += 2 {
		parts = append(parts, "--param", quote(params[i]+"="+params[i+1]))
	}
	return strings.Join(append(parts, "--from", report.Day(b.window.Start), "--to", report.Day(b.window.End)), " ")
}

// quote makes a word that a shell takes as it is.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(report.Clean(s), "'", `'\''`) + "'"
}

// How many calls the rows of usage_daily of one day, key, caller, service,
// operation and outcome are.
const (
	// Of what is known from the caller's and from the owner's side the larger
	// count holds.
	usesOfKey = "case when sum(caller_use_count) > sum(use_count) then sum(caller_use_count) else sum(use_count) end"
	// ReEncrypt is a use of two keys, but one call of its caller, which is
	// counted at the source key. Where only the owner of a key saw it there is
	// no such count.
	callsOfCaller = `case
		when event_name = 'ReEncrypt' and sum(sum(call_count)) over (partition by day, caller_id, caller_account_id, event_name, error_class) > 0
			then sum(call_count)
		when sum(caller_use_count) > sum(use_count) then sum(caller_use_count)
		else sum(use_count)
	end`
)

// usage counts calls by day and outcome. The count is usesOfKey or
// callsOfCaller; the condition selects rows of usage_daily.
func (b *builder) usage(ctx context.Context, count, condition string, args ...any) (Use, error) {
	var u Use
	u.Days, u.DaysPerBar = b.bars()
	t := newTally(&u)
	args = append([]any{b.window.Start, b.window.End}, args...)
	err := b.each(ctx, "calls", `
		with sides as (
			select
				day,
				error_class,
				operation_class = 'cryptographic' as cryptographic,
				`+count+` as calls,
				min(first_event_time) as first_seen,
				max(last_event_time) as last_seen
			from usage_daily
			where day >= cast($1 as date) and day < cast($2 as date)
			  and `+condition+`
			group by day, error_class, operation_class, key_arn, caller_id, caller_account_id, service, event_name
		)
		select day, error_class, cryptographic, cast(sum(calls) as bigint) as calls, min(first_seen) as first_seen, max(last_seen) as last_seen
		from sides
		group by day, error_class, cryptographic
		order by day, error_class, cryptographic`, args,
		func(r record) { t.add(b, r) })
	t.finish()
	return u, err
}

// tally sums rows of calls by day, error class and whether they are
// cryptographic.
type tally struct {
	u       *Use
	classes map[string]int64
}

func newTally(u *Use) tally {
	u.Errors = []report.Count{}
	return tally{u, map[string]int64{}}
}

func (t tally) add(b *builder, r record) {
	u, class, n := t.u, r.text("error_class"), r.number("calls")
	if at := b.barOf(r.text("day"), u.DaysPerBar); at >= 0 && at < len(u.Days) {
		u.Days[at].Outcomes = plus(u.Days[at].Outcomes, class, n)
	}
	u.Total = plus(u.Total, class, n)
	if class != "" && class != "dry_run" {
		t.classes[class] += n
	}
	first, last := r.moment("first_seen"), r.moment("last_seen")
	u.FirstSeen, u.LastSeen = earlier(u.FirstSeen, first), later(u.LastSeen, last)
	if class == "" && r.is("cryptographic") {
		u.FirstUsed, u.LastUsed = earlier(u.FirstUsed, first), later(u.LastUsed, last)
	}
}

// finish lists the errors, most first.
func (t tally) finish() {
	for class, n := range t.classes {
		t.u.Errors = append(t.u.Errors, report.Count{Name: class, Count: n, Failures: n})
	}
	slices.SortFunc(t.u.Errors, func(x, y report.Count) int {
		return cmp.Or(cmp.Compare(y.Count, x.Count), cmp.Compare(x.Name, y.Name))
	})
}

// bars divides the window into at most maxBars bars of whole days.
func (b *builder) bars() (days []report.DayOutcomes, perBar int) {
	n := b.days()
	perBar = max(1, (n+maxBars-1)/maxBars)
	if perBar > 1 && perBar < 7 {
		perBar = 7
	}
	for i := 0; i < n; i += perBar {
		days = append(days, report.DayOutcomes{Day: report.Day(b.window.Start.AddDate(0, 0, i))})
	}
	return days, perBar
}

// barOf is the bar that a day, 2006-01-02, belongs to.
func (b *builder) barOf(day string, perBar int) int {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return -1
	}
	return int(t.Sub(b.window.Start)/oneDay) / perBar
}

// plus adds calls of an error class.
func plus(o report.Outcomes, class string, n int64) report.Outcomes {
	switch class {
	case "":
		o.OK += n
	case "denied":
		o.Denied += n
	case "throttled":
		o.Throttled += n
	case "dry_run":
		o.DryRun += n
	default:
		o.Failed += n
	}
	return o
}

func earlier(a *time.Time, b time.Time) *time.Time {
	if a == nil || b.Before(*a) {
		return &b
	}
	return a
}

func later(a *time.Time, b time.Time) *time.Time {
	if a == nil || b.After(*a) {
		return &b
	}
	return a
}

// findings takes over those that a page is about: the open ones, worst first.
func (b *builder) findings(about func(f *detectors.Finding) bool) List[report.Finding] {
	var kept []detectors.Finding
	for i := range b.opts.Findings {
		if f := &b.opts.Findings[i]; report.Open(f.Status) && about(f) {
			kept = append(kept, *f)
		}
	}
	detectors.Sort(kept)
	list := List[report.Finding]{Rows: []report.Finding{}, Command: "kmstrail detect --format jsonl"}
	shown := kept[:min(len(kept), maxRows)]
	list.Rows = append(list.Rows, report.ForReaders(b.opts.Detectors, shown, b.names.accounts)...)
	for i := range list.Rows {
		f := &list.Rows[i]
		f.KeyAliases = b.names.aliases[f.KeyARN]
		if command := showFinding(f.ID); command != "" {
			f.TriageCommands = slices.Concat([]string{command}, f.TriageCommands)
		}
	}
	list.Omitted = len(kept) - len(shown)
	return list
}

// findingID is what may stand in a command that somebody copies.
var findingID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f-]{27}$`)

// showFinding is the command that shows all of a finding, by the beginning of
// its id; "" when it has none.
func showFinding(id string) string {
	if !findingID.MatchString(id) {
		return ""
	}
	return "kmstrail findings show " + id[:8]
}

// coverage reads how complete the logs of accounts and Regions are. No account
// means all, and so does no Region.
func (b *builder) coverage(ctx context.Context, accounts []string, region string) (Coverage, error) {
	c := Coverage{Days: map[report.CoverageState]int64{}, Gaps: List[Gap]{Rows: []Gap{}, Command: b.command("coverage_gaps")}}
	args := []any{b.window.Start, b.window.End, append([]string{}, accounts...), region, len(accounts) == 0}
	err := b.each(ctx, "coverage", `
		select state, count(*) as days, cast(sum(failed_file_count) as bigint) as failed
		from coverage
		where day >= cast($1 as date) and day < cast($2 as date)
		  and (cast($5 as boolean) or list_contains(cast($3 as varchar[]), account_id))
		  and ($4 = '' or region = $4)
		group by state
		order by state`, args,
		func(r record) {
			c.Days[report.CoverageState(r.text("state"))] += r.number("days")
			c.FailedFiles += r.number("failed")
		})
	if err != nil {
		return c, err
	}
	params := []map[string]string{}
	for _, account := range accounts {
		params = append(params, map[string]string{"account_id": account})
	}
	if len(accounts) == 0 {
		params = append(params, nil)
	}
	for _, p := range params {
		if err := b.ask(ctx, "coverage_gaps", p, b.inWindow(), func(r record) { c.gap(b.names, region, r) }); err != nil {
			return c, err
		}
	}
	return c, nil
}

// gap adds a row of coverage_gaps. Days with files that could not be read are
// in it too; those are counted.
func (c *Coverage) gap(n names, region string, r record) {
	state := report.CoverageState(r.text("state"))
	if region != "" && r.text("region") != region || state == report.Observed {
		return
	}
	c.Gaps.add(Gap{
		Account: n.account(r.text("account_id")), Region: r.text("region"), FirstDay: r.text("first_day"), LastDay: r.text("last_day"),
		Days: r.number("day_count"), State: state, Reason: r.text("reason"),
	})
}

// Problems says in sentences why a page is over incomplete logs; none when they
// are whole as far as they tell.
func (h *Head) Problems() []string {
	var out []string
	say := func(n int64, one, many, rest string) {
		if n > 0 {
			out = append(out, report.Counted(n, one, many)+rest)
		}
	}
	const one, many = "account-Region day has", "account-Region days have"
	c := &h.Coverage
	say(c.Days[report.Gap], one, many, " no log files: either nothing happened there, or logs are missing.")
	say(c.Days[report.Excluded], one, many, " logs from which KMS use seems to be left out (trail excludes KMS, or logs only writes).")
	say(c.FailedFiles, "log file", "log files", " could not be read.")
	if len(c.Days) == 0 {
		out = append(out, "No logs of its account and Region were read in this period: what is here comes from the logs of others.")
	}
	return out
}
