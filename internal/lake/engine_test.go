package lake_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/lake"
	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/queries"
)

var (
	firstOfJanuary = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	bound          = "where day >= '2026-01-01' and day <= '2026-01-02')"
)

func within(t *testing.T, sql string) string {
	t.Helper()
	out, err := lake.Within(sql, firstOfJanuary.Add(time.Hour), firstOfJanuary.Add(48*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWithin(t *testing.T) {
	for sql, want := range map[string]string{
		"select 1 from kms_events_parquet": "select 1 from (select * from kms_events_parquet " + bound + " as kms_events_parquet",
		// What follows from the history of keys needs all of it.
		"select 1 from key_timeline join quotas on true": "select 1 from key_timeline join quotas on true",
		"select 1 -- from kms_calls\nfrom grants":        "select 1  \nfrom grants",
	} {
		if got := within(t, sql); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", sql, got, want)
		}
	}
	got := within(t, "select 1 from kms_calls as a join kms_calls as b on a.event_id = b.event_id")
	if strings.Count(got, bound) != 4 || !strings.Contains(got, ") as a join (") || !strings.HasSuffix(got, ") as b on a.event_id = b.event_id") {
		t.Errorf("two calls give\n%s", got)
	}
}

// TestWithin_textsStay: text for people may say "from keys".
func TestWithin_textsStay(t *testing.T) {
	all := map[string]string{}
	list, err := detectors.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		all[d.ID] = d.SQL()
	}
	named, err := queries.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range named {
		all[q.ID] = q.SQL()
	}
	for id, sql := range all {
		got := within(t, sql)
		bare, err := sqlfile.WithoutComments(sql)
		if err != nil {
			t.Fatal(err)
		}
		for i, part := range strings.Split(bare, "'") {
			if i%2 == 1 && !strings.Contains(got, "'"+part+"'") {
				t.Errorf("%s: the text %q is not what it was", id, part)
			}
		}
	}
}

func TestDDL_refuses(t *testing.T) {
	good := lake.DDLOptions{Dialect: lake.Trino, Location: "s3://b/p", Catalog: "hive", Schema: "k", Regions: []string{"us-east-1"}, FirstDay: firstOfJanuary}
	if statements, err := lake.DDL(good); err != nil || len(statements) < 40 {
		t.Fatalf("%d statements (%v)", len(statements), err)
	}
	for want, change := range map[string]func(o *lake.DDLOptions){
		`the dialect "spark" is unknown`: func(o *lake.DDLOptions) { o.Dialect = "spark" },
		"cannot stand in DDL":            func(o *lake.DDLOptions) { o.Location = "s3://b/'; drop" },
		"must be of small letters":       func(o *lake.DDLOptions) { o.Schema = "k;x" },
		"no Regions":                     func(o *lake.DDLOptions) { o.Regions = nil },
		`"us" is no Region`:              func(o *lake.DDLOptions) { o.Regions = []string{"us"} },
	} {
		o := good
		change(&o)
		if _, err := lake.DDL(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestPartition(t *testing.T) {
	for in, want := range map[string]string{
		"us-east-1": "us-east-1", "us-gov-west-1": "us-gov-west-1", "ap-southeast-7": "ap-southeast-7",
		"": "other", "../x-1": "other", "us-east-1/..": "other", "US-EAST-1": "other", "us--1": "other", "a=b-c-1": "other",
	} {
		if got := lake.PartitionRegion(in); got != want {
			t.Errorf("the Region %q is filed under %q, want %q", in, got, want)
		}
	}
	delivered := firstOfJanuary.Add(30 * time.Minute)
	for event, want := range map[time.Time]string{
		delivered.Add(-time.Hour):                     "2025-12-31",
		delivered.Add(48 * time.Hour):                 "2026-01-03",
		delivered.Add(49 * time.Hour):                 "2026-01-01", // not yet
		time.Date(2012, 12, 31, 0, 0, 0, 0, time.UTC): "2026-01-01", // before CloudTrail
	} {
		if got := lake.PartitionDay(event, delivered).Format(time.DateOnly); got != want {
			t.Errorf("%s is filed under %s, want %s", event, got, want)
		}
	}
}
