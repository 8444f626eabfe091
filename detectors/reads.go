package detectors

import (
	"maps"
	"slices"
	"sync"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/schema"
)

// stateTables say what holds over time: a change that arrives late can alter
// what they say of every later moment, and so does an inventory.
var stateTables = append([]string{
	"key_timeline", "key_timeline_logged", "key_changes", "key_change_records", "key_setting_records", "grants", "resource_tags",
}, inventoryTables()...)

func inventoryTables() []string {
	var names []string
	for _, t := range schema.InventoryTables() {
		names = append(names, t.Name)
	}
	return names
}

// timelessTables say what holds now: whatever arrives can alter what they say,
// of whatever day it is.
var timelessTables = []string{"keys", "key_names", "key_use", "key_inventory"}

// configTables are those that come from the configuration.
var configTables = []*schema.Table{
	&schema.TrustRules, &schema.ContextRules, &schema.RotationPolicy, &schema.Quotas, &schema.Accounts,
	&schema.KeyStandards, &schema.ExpectedKeys, &schema.Environments,
}

// reach says on which days a detector finds other things when events of one day
// change.
type reach struct {
	// days after the changed one, because the detector looks so far back.
	days int
	// later is true when changes of keys, grants and tags matter to all later
	// days, always when everything matters to every day.
	later, always bool
}

// reach follows from the tables that the query reads.
func (d *Detector) reach(given map[string]string) (reach, error) {
	r := reach{days: d.LookbackDays}
	values, err := d.Params.Values(given, Window{})
	if err != nil {
		return r, err
	}
	for name, p := range d.Params {
		if n, ok := values[name].(int64); ok && p.Type == "days" {
			r.days = max(r.days, int(n))
		}
	}
	tables := d.reads()
	r.later = slices.ContainsFunc(stateTables, func(name string) bool { return tables[name] })
	r.always = slices.ContainsFunc(timelessTables, func(name string) bool { return tables[name] })
	return r, nil
}

// reads returns the tables and views that the query reads, those behind views
// among them.
func (d *Detector) reads() map[string]bool {
	out := map[string]bool{}
	for name := range named(&d.file) {
		out[name] = true
		maps.Copy(out, behind()[name])
	}
	return out
}

// named returns the names that stand where a table can. That a name after a
// comma may be a column's does no harm: it can only make a detector run again.
func named(f *sqlfile.File) map[string]bool {
	out := map[string]bool{}
	tokens := f.Tokens()
	textAt := func(i int) string {
		if i < 0 || i >= len(tokens) {
			return ""
		}
		return tokens[i].Text
	}
	for i, t := range tokens {
		before := textAt(i - 1)
		if before == "." && textAt(i-2) == "main" {
			before = textAt(i - 3)
		}
		isTable := before == "from" || before == "join" || before == "," && textAt(i+1) != "."
		switch {
		case !isTable:
		case t.Kind == sqlfile.Word:
			out[t.Text] = true
		case t.Kind == sqlfile.Quoted:
			out[t.Text[1:len(t.Text)-1]] = true
		}
	}
	return out
}

// behind maps each view to the tables and views that it reads. A view only
// reads those before it.
var behind = sync.OnceValue(func() map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for _, v := range schema.Views() {
		f, err := sqlfile.Fragment(v.Name, v.SQL)
		if err != nil {
			panic(err) // the views are part of the program
		}
		all := named(&f)
		for name := range maps.Clone(all) {
			maps.Copy(all, out[name])
		}
		out[v.Name] = all
	}
	return out
})
