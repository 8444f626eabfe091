package detectors

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWholeDays(t *testing.T) {
	at := func(hours int) time.Time { return day1.Add(time.Duration(hours) * time.Hour) }
	for _, c := range [][4]int{{0, 24, 0, 24}, {1, 2, 0, 24}, {-1, 25, -24, 48}, {24, 48, 24, 48}} {
		got := wholeDays(Window{Start: at(c[0]), End: at(c[1])})
		if want := (Window{Start: at(c[2]), End: at(c[3])}); got != want {
			t.Errorf("%v: got %v, want %v", c, got, want)
		}
	}
	if w := dayOf(time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC)); w != -1 {
		t.Errorf("the last day of 1969 is %d", w)
	}
}

func TestDirty(t *testing.T) {
	in := inputs{"d", "p", "c"}
	// Five days ran at commit 10; day 6 never did; day 3 is without events now.
	base := func() *plan {
		p := &plan{commit: 10, oldest: 1, events: map[day]bool{1: true, 2: true, 4: true, 5: true, 6: true}, cells: map[day]cell{}, runs: map[string]map[day]lastRun{"d": {}}, found: map[string]map[day]bool{"d": {3: true}}, from: -100}
		for d := day(1); d <= 5; d++ {
			p.runs["d"][d] = lastRun{commit: 10, inputs: in}
		}
		return p
	}
	for _, c := range []struct {
		name  string
		with  func(p *plan)
		in    inputs
		reach reach
		want  []day
	}{
		{"nothing new", func(*plan) {}, in, reach{}, []day{6}},
		{"seen before", func(p *plan) { p.cells[2] = cell{10, 10} }, in, reach{later: true}, []day{6}},
		{"a late event", func(p *plan) { p.cells[2] = cell{commit: 11} }, in, reach{}, []day{2, 6}},
		{"a late event, of no matter to later days", func(p *plan) { p.cells[2] = cell{commit: 11} }, in, reach{later: true}, []day{2, 6}},
		{"a late change", func(p *plan) { p.cells[2] = cell{11, 11} }, in, reach{later: true}, []day{2, 3, 4, 5, 6}},
		{"a late change, of no matter to this detector", func(p *plan) { p.cells[2] = cell{11, 11} }, in, reach{}, []day{2, 6}},
		{"looking back", func(p *plan) { p.cells[2] = cell{commit: 11} }, in, reach{days: 2}, []day{2, 3, 4, 6}},
		{"everything matters", func(p *plan) { p.cells[6], p.commit = cell{commit: 11}, 11 }, in, reach{always: true}, []day{1, 2, 3, 4, 5, 6}},
		{"other inputs", func(*plan) {}, inputs{"d", "p", "other"}, reach{}, []day{1, 2, 3, 4, 5, 6}},
		{"what changed is forgotten", func(p *plan) { p.oldest = 12 }, in, reach{}, []day{1, 2, 3, 4, 5, 6}},
		{"nothing is forgotten", func(p *plan) { p.oldest = 11 }, in, reach{}, []day{6}},
		{"expired days", func(p *plan) { p.cells[2], p.from = cell{11, 11}, 4 }, in, reach{later: true}, []day{4, 5, 6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := base()
			c.with(p)
			if diff := cmp.Diff(c.want, p.dirty("d", c.in, c.reach)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReach(t *testing.T) {
	for _, c := range []struct {
		sql  string
		want reach
	}{
		{"select 1 from kms_calls", reach{days: 3}},
		{"select 1 from kms_calls join Key_Timeline as t on t.key_arn = kms_calls.key_arn", reach{days: 3, later: true}},
		{`select 1 from kms_events, "grants"`, reach{days: 3, later: true}},
		{"select 1 from main.resource_tags", reach{days: 3, later: true}},
		{"select 1 from inventory_rotations", reach{days: 3, later: true}},
		{"select 1 from key_inventory", reach{days: 3, later: true, always: true}},
		{"select 1 from keys", reach{days: 3, later: true, always: true}},
		// A name that is no table: keys of a map.
		{"select keys.k from kms_calls cross join unnest(map_keys(encryption_context)) as keys (k)", reach{days: 3}},
		{"select 1 from request_rate where minute >= $baseline_start", reach{days: 30}},
	} {
		d, err := Parse("x.sql", []byte(header+c.sql))
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.reach(map[string]string{"baseline_days": map[bool]string{true: "30", false: "0"}[c.want.days == 30]})
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", c.sql, got, err, c.want)
		}
	}
	rate, err := Parse("x.sql", []byte(header+"select 1 from request_rate"))
	if err != nil {
		t.Fatal(err)
	}
	if tables := rate.reads(); !tables["quotas"] || !tables["kms_events"] || tables["trust_rules"] {
		t.Errorf("request_rate reads %v", tables)
	}
}

const header = `/*---
id: x
title: t
severity: low
status: experimental
version: 1
description: d
why: {text: t, source: s}
summary: s
remedy: r
blind_spots: [b]
false_positives: [f]
identity: [key_arn]
lookback_days: 3
params:
  baseline_days: {type: days, default: 0, doc: d}
triage: [{text: t}]
---*/
`
