package sqlcase_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/internal/sqlcase"
)

const good = `A file.
-- window --
2026-01-04T00:00:00Z 2026-01-05T00:00:00Z
-- events --
2026-01-04T01:00:00Z DescribeKey key/data role/app
-- fires_a/params --
principal: "{role/app}"
-- fires_a/events --
2026-01-04T02:00:00Z 1s x2 Decrypt key/data@second role/app
2026-01-05T02:00:00Z Decrypt key/data role/app
-- fires_a/want.csv --
key_arn,n
{key/data},1
-- quiet_b/window --
2026-02-04T00:00:00Z 2026-02-05T00:00:00Z
`

func TestParse(t *testing.T) {
	cases, err := sqlcase.Parse("x.txtar", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) != 2 || !cases[0].Fires() || cases[1].Fires() {
		t.Fatalf("got %+v", cases)
	}
	a := cases[0]
	if want := "arn:aws:iam::111122223333:role/app"; a.Params["principal"] != want {
		t.Errorf("principal is %q, want %q", a.Params["principal"], want)
	}
	// Default events come first; a cross-account call has two records.
	times, err := a.Times()
	if err != nil || len(times) != 1+4+1 {
		t.Errorf("%d records (%v), want 6", len(times), err)
	}
	files, err := a.Files(false)
	if err != nil || len(files) != 3 {
		t.Fatalf("%d log files (%v), want one for each account and day: 3", len(files), err)
	}
	if !strings.HasPrefix(files[1].Key, "AWSLogs/444455556666/CloudTrail/us-east-1/2026/01/04/") {
		t.Errorf("the key of the second log file is %s", files[1].Key)
	}
	if files, err := a.Files(true); err != nil || len(files) != 5 {
		t.Errorf("%d log files (%v), want 5", len(files), err)
	}
	if times, err := cases[1].Times(); err != nil || len(times) != 1 {
		t.Errorf("the quiet case has %d records (%v), want the default one", len(times), err)
	}
}

func TestParse_errors(t *testing.T) {
	for want, src := range map[string]string{
		`x: case other: the name begins neither with fires nor with quiet`:                                                               "-- window --\n2026-01-04T00:00:00Z 2026-01-05T00:00:00Z\n-- other/events --\nx\n",
		`x: case fires_a: there is no window`:                                                                                            "-- fires_a/events --\nx\n",
		`x: case fires_a: there are no events`:                                                                                           "-- fires_a/window --\n2026-01-04T00:00:00Z 2026-01-05T00:00:00Z\n",
		`x: section fires_a/window: want a start and an end, got "today"`:                                                                "-- fires_a/window --\ntoday\n",
		`x: section fires_a/window: the window is empty: it starts at 2026-01-05T00:00:00Z and ends at 2026-01-04T00:00:00Z`:             "-- fires_a/window --\n2026-01-05T00:00:00Z 2026-01-04T00:00:00Z\n",
		`x: section fires_a/event: the part "event" is unknown; parts are config, events, events.jsonl, params, state, want.csv, window`: "-- fires_a/event --\n",
		`x: section fires_a/config: [1:1] unknown field "trust"`:                                                                         "-- fires_a/config --\ntrust: []\n",
		`x: section fires_a/want.csv: expand {key/a@nobody}: unknown account "nobody"`:                                                   "-- fires_a/want.csv --\n{key/a@nobody}\n",
	} {
		_, err := sqlcase.Parse("x", []byte(src))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestCompareAndRewrite(t *testing.T) {
	cases, err := sqlcase.Parse("x.txtar", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	key := cases[0].Rows[0][0]
	columns := []string{"n", "key_arn", "more"}
	same := []map[string]any{{"n": int64(1), "key_arn": key, "more": nil}}
	if _, diff := cases[0].Compare(columns, same); diff != "" {
		t.Error(diff)
	}
	got, diff := cases[0].Compare(columns, []map[string]any{{"n": 2.5, "key_arn": key}, {"n": true, "key_arn": nil}})
	if want := "   key_arn,n\nwant " + key + ",1\ngot  " + key + ",2.5\ngot  ,true\n"; diff != want {
		t.Errorf("got  %q\nwant %q", diff, want)
	}
	if _, diff := cases[0].Compare([]string{"n"}, nil); !strings.HasPrefix(diff, `want.csv has the column "key_arn"`) {
		t.Errorf("got %q", diff)
	}
	out, err := sqlcase.Rewrite([]byte(good), map[string][][]string{"fires_a": got})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(good, "{key/data},1\n", "{key/data},2.5\n,true\n", 1)
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Error(diff)
	}
}

func TestMerge(t *testing.T) {
	src := `-- window --
2026-01-04T00:00:00Z 2026-01-05T00:00:00Z
-- fires_a/events --
2026-01-04T01:00:00Z Decrypt key/a role/x
-- fires_a/want.csv --
n
1
-- fires_b/events --
2026-01-04T02:00:00Z Decrypt key/b role/x
-- fires_b/want.csv --
n
1
-- fires_other/config --
accounts:
  - account_id: "111122223333"
-- fires_other/events --
2026-01-04T03:00:00Z Decrypt key/c role/x
-- fires_other/want.csv --
n
1
`
	cases, err := sqlcase.Parse("x.txtar", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var got [][]time.Time
	for _, c := range sqlcase.Merge(cases) {
		times, err := c.Times()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, times)
	}
	at := func(hour int) time.Time { return time.Date(2026, 1, 4, hour, 0, 0, 0, time.UTC) }
	if want := [][]time.Time{{at(1), at(2)}, {at(3)}}; !cmp.Equal(got, want) {
		t.Errorf("events of %v; want those of the same configuration together, %v", got, want)
	}
}
