package detectors

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// whyWithdrawn says in a sentence why nothing supports a finding any more:
// what it depends on besides the events has changed, or events arrived later.
func (c *change) whyWithdrawn(f *Finding) (string, error) {
	days := c.lost[f.FindingID]
	slices.Sort(days)
	before := c.plan.runs[c.d.ID][days[0]]
	for _, d := range days {
		if last := c.plan.runs[c.d.ID][d]; last.commit < before.commit {
			before = last
		}
	}
	var reasons []string
	if changed := c.inputChanges(before); len(changed) > 0 {
		reasons = append(reasons, strings.Join(changed, " and ")+" changed")
	}
	late, err := c.lateChanges(f, before.commit)
	if err == nil && late == "" && len(reasons) == 0 {
		late, err = c.lateRecords(days, before.commit)
	}
	if err != nil {
		return "", err
	}
	if late != "" {
		reasons = append(reasons, late)
	}
	if len(reasons) == 0 {
		reasons = []string{"its days were looked at again"}
	}
	return "No event supports it any more: " + strings.Join(reasons, "; ") + ".", nil
}

// inputChanges says what changed since a run.
func (c *change) inputChanges(before lastRun) []string {
	if before.inputs == (inputs{}) {
		return nil // no run is recorded
	}
	var out []string
	for _, what := range c.inputs.changed(before.inputs) {
		switch {
		case what == theDetector && before.version != c.d.Version:
			what += fmt.Sprintf(" (version %d, was %d)", c.d.Version, before.version)
		case what == itsParameters:
			what += paramChanges(before.params, c.params)
		}
		out = append(out, what)
	}
	return out
}

// paramChanges lists the parameters that have another value.
func paramChanges(before, now string) string {
	var was, is map[string]any
	if json.Unmarshal([]byte(before), &was) != nil || json.Unmarshal([]byte(now), &is) != nil {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if v := text(is[name]); v != text(was[name]) {
			parts = append(parts, fmt.Sprintf("%s is %s, was %s", name, v, text(was[name])))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// maxNamed is how many changes of a key a reason names.
const maxNamed = 3

// lateChanges names what changed the finding's key, up to the finding's last
// day, and arrived after a commit.
func (c *change) lateChanges(f *Finding, commit int64) (string, error) {
	const sql = `select changes.event_name, changes.event_time
from key_change_records as changes
join kms_events as events
  on events.event_id = changes.event_id
 and events.event_time = changes.event_time
join log_files on log_files.log_file_id = events.log_file_id
where changes.key_arn = ?
  and changes.event_time < ?
  and log_files.ingested_at > (select coalesce(max(committed_at), timestamp '1970-01-01') from changed_cells where commit_id <= ?)
group by 1, 2
order by 2 desc, 1`
	if f.KeyARN == "" {
		return "", nil
	}
	var names []string
	err := reading(c.read, sql, []any{f.KeyARN, f.WindowEnd, commit}, func(row map[string]any) error {
		at, _ := row["event_time"].(time.Time)
		names = append(names, text(row["event_name"])+" of "+moment(at))
		return nil
	})
	if err != nil || len(names) == 0 {
		return "", err
	}
	if len(names) > maxNamed {
		names = append(names[:maxNamed], fmt.Sprintf("%d more", len(names)-maxNamed))
	}
	return strings.Join(names, ", ") + " arrived later", nil
}

// lateRecords tells of the records of the finding's days that arrived after a
// commit, or of earlier ones that change what holds on them.
func (c *change) lateRecords(days []day, commit int64) (string, error) {
	const sql = `select
	cast(coalesce(sum(case when hour >= ? then event_count end), 0) as bigint) as of_days,
	cast(coalesce(sum(case when hour < ? and event_count > 0 then change_count end), 0) as bigint) as of_before,
	count(case when event_count = 0 then 1 end) as of_inventories
from changed_cells
where commit_id > ?
  and hour < ?`
	first, end := days[0].start(), (days[len(days)-1] + 1).start()
	var ofDays, before, inventories int64
	err := reading(c.read, sql, []any{first, first, commit, end}, func(row map[string]any) error {
		ofDays, _ = row["of_days"].(int64)
		before, _ = row["of_before"].(int64)
		inventories, _ = row["of_inventories"].(int64)
		return nil
	})
	if err != nil {
		return "", err
	}
	on := first.Format(time.DateOnly)
	if len(days) > 1 {
		on += " to " + days[len(days)-1].start().Format(time.DateOnly)
	}
	switch {
	case ofDays > 0:
		return fmt.Sprintf("records of %s arrived later or were replaced (%d)", on, ofDays), nil
	case before > 0:
		return fmt.Sprintf("records from before %s that change keys, grants or tags arrived later (%d)", first.Format(time.DateOnly), before), nil
	case inventories > 0:
		return "an inventory says otherwise", nil
	}
	return "", nil
}

// moment writes a time for people.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }
