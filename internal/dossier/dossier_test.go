package dossier_test

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/dossier"
	"github.com/kmstrail/kmstrail/internal/golden"
	"github.com/kmstrail/kmstrail/internal/report"
)

// page is what all three pages are.
type page interface {
	WriteText(w io.Writer, opts report.TerminalOptions) error
	WriteHTML(w io.Writer) error
	WriteJSON(w io.Writer) error
}

func write(t *testing.T, to func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := to(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func text(p page, opts report.TerminalOptions) func(io.Writer) error {
	return func(w io.Writer) error { return p.WriteText(w, opts) }
}

// withoutStyle leaves the style sheet and its hash out of golden files.
func withoutStyle(page []byte) []byte {
	page = regexp.MustCompile(`(?s)<style>.*</style>`).ReplaceAll(page, []byte("<style>…</style>"))
	return regexp.MustCompile(`sha256-[A-Za-z0-9&#;/=]+`).ReplaceAll(page, []byte("sha256-…"))
}

func TestPages_golden(t *testing.T) {
	s := fill(t, "testdata/events.txt")
	for _, tt := range []struct {
		name string
		page page
	}{
		{"key", keyPage(t, s, "alias/data")},
		{"idle", keyPage(t, s, cttest.KeyID("idle"))},
		{"principal", principalPage(t, s, "app")},
		{"resource", resourcePage(t, s, "data")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := "testdata/" + tt.name
			golden.Equal(t, write(t, text(tt.page, report.TerminalOptions{Width: 100})), file+".txt.golden")
			golden.Equal(t, write(t, text(tt.page, report.TerminalOptions{Width: 140, Color: true})), file+".color.txt.golden")
			golden.Equal(t, withoutStyle(write(t, tt.page.WriteHTML)), file+".html.golden")
			golden.Equal(t, write(t, tt.page.WriteJSON), file+".json.golden")
		})
	}
}

// The numbers of a key page by hand: golden files alone are updated too easily.
func TestKey(t *testing.T) {
	p := keyPage(t, fill(t, "testdata/events.txt"), "alias/data")
	k := &p.Key
	same(t, "aliases", k.Aliases, []string{"alias/data", "alias/moving"})
	same(t, "account", k.Account, dossier.Account{ID: cttest.Account("main"), Name: "payments"})
	same(t, "state", k.State, "PendingDeletion")
	same(t, "since", *k.StateSince, day(19).Add(10*60*60*1e9))
	same(t, "by", k.StateBy.ARN, "arn:aws:iam::111122223333:user/ann")
	same(t, "deletion", *k.DeletionDate, day(26).Add(10*60*60*1e9))
	same(t, "days left", *k.DaysLeft, int64(4))
	same(t, "rotation", k.Rotation, "enabled")
	same(t, "policy", p.Policy.Text, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}`)
	same(t, "policy by", p.Policy.SetBy.ARN, "arn:aws:iam::111122223333:role/terraform")
	// Ten and thirty direct calls, seven through S3, three from outside, seven
	// changes and grants; two denied, two after the deletion was scheduled.
	same(t, "calls", p.Use.Total, report.Outcomes{OK: 10 + 30 + 7 + 3 + 7, Denied: 2, Failed: 2})
	same(t, "bars", len(p.Use.Days), 14)
	same(t, "first bar", p.Use.Days[0], report.DayOutcomes{Day: "2026-01-07"})
	callers := map[string]int64{}
	for _, c := range p.Callers.Rows {
		callers[c.Caller.ARN] = c.Calls
	}
	same(t, "callers", callers, map[string]int64{
		"arn:aws:iam::111122223333:role/app": 49, "arn:aws:iam::999999999999:role/reader": 3, "arn:aws:iam::111122223333:role/intern": 2,
		"arn:aws:iam::111122223333:role/terraform": 3, "arn:aws:iam::111122223333:user/ann": 4,
	})
	same(t, "findings", len(p.Findings.Rows), 1)
	same(t, "command of the finding", p.Findings.Rows[0].TriageCommands[0], "kmstrail findings show "+cttest.EventID("open")[:8])
	same(t, "foreign account", p.CrossAccount.Rows[0].Caller, dossier.Account{ID: cttest.Account("foreign"), Name: "vendor (outside)"})
	same(t, "grants that hold come first", []bool{p.Grants.Rows[0].EndedAt == nil, p.Grants.Rows[1].EndedAt == nil}, []bool{true, false})
	same(t, "newest change", p.Changes.Rows[0].Event, "ScheduleKeyDeletion")
	same(t, "oldest change", p.Changes.Rows[len(p.Changes.Rows)-1].Event, "CreateKey")
	same(t, "busiest second", p.Rates.Rows[0].Peak, int64(10))
}

func TestPrincipal(t *testing.T) {
	s := fill(t, "testdata/events.txt")
	p := principalPage(t, s, "arn:aws:sts::111122223333:assumed-role/app/session")
	same(t, "ARN", p.Principal.ARN, "arn:aws:iam::111122223333:role/app")
	same(t, "calls", p.Use.Total, report.Outcomes{OK: 10 + 30 + 7 + 2, Failed: 2})
	same(t, "keys", len(p.Keys.Rows), 3)
	same(t, "first key", p.Keys.Rows[0].Key.Label, "alias/data, alias/moving")
	same(t, "grants for it", len(p.GrantsFor.Rows), 1)
	same(t, "grants by it", len(p.GrantsBy.Rows), 0)
	same(t, "through services", p.Access.Through, int64(9))
	ann := principalPage(t, s, "user/ann")
	same(t, "grants by her", len(ann.GrantsBy.Rows), 2)
	same(t, "changes by her", len(ann.Changes.Rows), 8)
	intern := principalPage(t, s, "intern")
	same(t, "denied", intern.Denied.Rows[0].Calls, int64(2))
}

func TestResource(t *testing.T) {
	s := fill(t, "testdata/events.txt")
	p := resourcePage(t, s, "data")
	same(t, "resource", p.Resource.Resource, "arn:aws:s3:::data")
	same(t, "objects", p.Resource.Parts, int64(2))
	same(t, "calls", p.Use.Total.OK, int64(7))
	same(t, "key", p.Keys.Rows[0].Key.ARN, cttest.KeyARN("main", "us-east-1", "data"))
	agree := map[string]bool{}
	for _, pair := range p.KeyTags.Rows {
		agree[pair.TagKey] = pair.Agrees
	}
	same(t, "agreement", agree, map[string]bool{"stage": true, "tenant": false})
	same(t, "findings", len(p.Findings.Rows), 1)
	object := resourcePage(t, s, "arn:aws:s3:::data/b.csv")
	same(t, "calls of one object", object.Use.Total.OK, int64(1))
	table := resourcePage(t, s, "arn:aws:dynamodb:us-west-2:111122223333:table/orders")
	same(t, "key of one table", table.Keys.Rows[0].Key.ARN, cttest.KeyARN("main", "us-west-2", "west"))
}

func TestFindKey(t *testing.T) {
	s := fill(t, "testdata/events.txt")
	data := cttest.KeyARN("main", "us-east-1", "data")
	for _, tt := range []struct{ name, want, fails string }{
		{data, data, ""},
		{cttest.KeyID("data"), data, ""},
		{strings.ToUpper(cttest.KeyID("data")), data, ""},
		{"key/" + cttest.KeyID("data"), data, ""},
		{"alias/data", data, ""},
		{"data", data, ""},
		{"arn:aws:kms:us-east-1:111122223333:alias/data", data, ""},
		{"alias/moving", data, ""}, // it is no longer the other key's
		{"arn:aws:kms:us-west-2:111122223333:alias/shared", cttest.KeyARN("main", "us-west-2", "west"), ""},
		{"alias/shared", "", "the name means 2 of them"},
		{"alias/dat", "", "do not name it"},
		{"arn:aws:kms:us-east-1:999999999999:alias/data", "", "do not name it"},
		{"mrk-00000000000000000000000000000000", "", "do not name it"},
		{"", "", "do not name it"},
		{hostile(), "", "do not name it"},
	} {
		got, err := dossier.FindKey(t.Context(), s, tt.name)
		if got != tt.want || (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
			t.Errorf("FindKey(%.80q) = %q, %v; want %q, %q", tt.name, got, err, tt.want, tt.fails)
		}
		if err != nil && strings.Contains(err.Error(), "\x1b") {
			t.Errorf("FindKey(%.80q): the error steers the terminal", tt.name)
		}
	}
}

func TestFind_candidates(t *testing.T) {
	s := fill(t, "testdata/events.txt")
	_, err := dossier.FindKey(t.Context(), s, "alias/dat")
	near, ok := errors.AsType[*dossier.UnknownError](err)
	if !ok {
		t.Fatalf("got error %v", err)
	}
	same(t, "near", near.Near, []string{"alias/data"})
	_, err = dossier.FindKey(t.Context(), s, "alias/shared")
	many, ok := errors.AsType[*dossier.AmbiguousError](err)
	if !ok {
		t.Fatalf("got error %v", err)
	}
	same(t, "candidates", many.Candidates, []string{
		cttest.KeyARN("main", "us-east-1", "east") + "  alias/shared, payments", cttest.KeyARN("main", "us-west-2", "west") + "  alias/shared, payments",
	})
	_, err = dossier.FindPrincipal(t.Context(), s, "twin")
	if _, ok = errors.AsType[*dossier.AmbiguousError](err); !ok {
		t.Errorf("two roles of one name: got error %v", err)
	}
	_, err = dossier.FindPrincipal(t.Context(), s, "role/intarn")
	if near, ok = errors.AsType[*dossier.UnknownError](err); !ok || len(near.Near) != 1 || near.Near[0] != "intern" {
		t.Errorf("a mistyped role: got error %+v", err)
	}
	_, err = dossier.FindResource(t.Context(), s, "orders", options())
	if many, ok = errors.AsType[*dossier.AmbiguousError](err); !ok || !strings.HasPrefix(many.Candidates[0], "arn:aws:dynamodb:us-east-1:111122223333:table/orders") {
		t.Errorf("two tables of one name: got error %+v", err)
	}
	_, err = dossier.FindResource(t.Context(), s, "order", options())
	if near, ok = errors.AsType[*dossier.UnknownError](err); !ok || len(near.Near) != 1 || near.Near[0] != "orders" {
		t.Errorf("a mistyped table: got error %+v", err)
	}
}

func TestFind_emptyStore(t *testing.T) {
	s := fill(t, "")
	_, key := dossier.FindKey(t.Context(), s, "alias/data")
	_, principal := dossier.FindPrincipal(t.Context(), s, "app")
	_, resource := dossier.FindResource(t.Context(), s, "data", options())
	for _, err := range []error{key, principal, resource} {
		if _, ok := errors.AsType[*dossier.UnknownError](err); !ok {
			t.Errorf("got error %v", err)
		}
	}
}

// A page about nothing says so everywhere and does not fail.
func TestKey_emptyStore(t *testing.T) {
	p, err := dossier.Key(t.Context(), fill(t, ""), cttest.KeyARN("main", "us-east-1", "data"), options())
	if err != nil {
		t.Fatal(err)
	}
	out := string(write(t, text(p, report.TerminalOptions{Width: 100})))
	for _, want := range []string{"Nobody called it", "No logs of its account and Region were read", "The logs hold no key policy"} {
		if !strings.Contains(out, want) {
			t.Errorf("the page does not say %q:\n%s", want, out)
		}
	}
	if json := write(t, p.WriteJSON); bytes.Contains(json, []byte(`"rows": null`)) {
		t.Errorf("a list is null:\n%s", json)
	}
}

func TestLastDays(t *testing.T) {
	same(t, "30 days", dossier.LastDays(day(31).Add(5), 30), report.Window{Start: day(2), End: day(32)})
	same(t, "1 day", dossier.LastDays(day(31), 1), report.Window{Start: day(31), End: day(32)})
}

// Text from logs comes out of no format as anything but text, no line is wider
// than the terminal and the page stands alone, whatever the texts are.
func TestPages_hostile(t *testing.T) {
	hidden := regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f-\x9f\x{202a}-\x{202e}\x{2066}-\x{2069}]`)
	loads := regexp.MustCompile(`(?i)<(script|link|iframe|object|embed|img|form|base|image)\b|\son\w+\s*=|\ssrc\s*=|\sstyle\s*=|@import|="javascript:`)
	colors := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for name, p := range hostilePages() {
		html := string(write(t, p.WriteHTML))
		for _, tag := range regexp.MustCompile(`(?s)<[^>]*>`).FindAllString(html, -1) {
			if m := loads.FindString(tag); m != "" {
				t.Errorf("%s: HTML has %q in %.200s", name, m, tag)
			}
		}
		if m := hidden.FindString(html); m != "" || !utf8.ValidString(html) {
			t.Errorf("%s: HTML holds %q", name, m)
		}
		if n := len(html); n > 2_000_000 {
			t.Errorf("%s: HTML has %d bytes", name, n)
		}
		structure(t, name, html)
		for _, width := range []int{40, 57, 80, 140, 400} {
			out := colors.ReplaceAllString(string(write(t, text(p, report.TerminalOptions{Width: width, Color: true}))), "")
			if at := hidden.FindStringIndex(out); at != nil {
				t.Errorf("%s: text holds %q", name, out[max(0, at[0]-60):min(len(out), at[1]+60)])
			}
			for _, line := range strings.Split(out, "\n") {
				if n := uniseg.StringWidth(line); n > width {
					t.Errorf("%s: %d columns in a terminal of %d: %s", name, n, width, line)
				}
			}
		}
		if !utf8.Valid(write(t, p.WriteJSON)) {
			t.Errorf("%s: JSON is not valid UTF-8", name)
		}
	}
}

// structure checks that links have targets, ids are unique, tables have
// captions and headings do not skip a level.
func structure(t *testing.T, name, html string) {
	t.Helper()
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		if ids[m[1]]++; ids[m[1]] > 1 {
			t.Errorf("%s: id %q occurs twice", name, m[1])
		}
	}
	for _, m := range regexp.MustCompile(`(?:href="#|aria-labelledby=")([^"]*)"`).FindAllStringSubmatch(html, -1) {
		if ids[m[1]] == 0 {
			t.Errorf("%s: nothing has id %q", name, m[1])
		}
	}
	if tables, named := strings.Count(html, "<table"), strings.Count(html, "<caption"); tables != named {
		t.Errorf("%s: %d of %d tables have a name", name, named, tables)
	}
	level := 0
	for _, m := range regexp.MustCompile(`<h([1-6])\b`).FindAllStringSubmatch(html, -1) {
		next := int(m[1][0] - '0')
		if next > level+1 {
			t.Errorf("%s: heading of level %d follows one of level %d", name, next, level)
		}
		level = next
	}
	if !strings.Contains(html, `content="default-src &#39;none&#39;; style-src &#39;sha256-`) {
		t.Errorf("%s: no strict content security policy", name)
	}
}

// What a full disk or a closed pipe says comes back.
func TestPages_writeError(t *testing.T) {
	want := errors.New("no space left")
	for name, p := range hostilePages() {
		for _, to := range []func(io.Writer) error{p.WriteHTML, p.WriteJSON, text(p, report.TerminalOptions{})} {
			if err := to(failing{want}); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", name, err, want)
			}
		}
	}
}

type failing struct{ err error }

func (w failing) Write([]byte) (int, error) { return 0, w.err }

// ReEncrypt uses two keys, but is one call: its caller made one, and each of
// the keys was called once, also one that is the source of another call.
func TestReEncrypt(t *testing.T) {
	s := fillLines(t, `
2026-01-08T06:00:00Z ReEncrypt key/one dest=key/two role/mover
2026-01-09T06:00:00Z 1s x2 ReEncrypt key/two dest=key/three role/turner
2026-01-09T07:00:00Z ReEncrypt key/one dest=key/two role/turner
2026-01-10T06:00:00Z ReEncrypt key/far@foreign dest=key/three@main role/outsider@foreign copies=dest
`)
	outsider := cttest.UniqueID("AROA", cttest.Account("foreign"), "outsider")
	for name, want := range map[string]int64{"mover": 1, "turner": 3, outsider: 1} {
		p := principalPage(t, s, name)
		same(t, "calls of "+name, p.Use.Total, report.Outcomes{OK: want})
		var days int64
		for _, d := range p.Use.Days {
			days += d.OK
		}
		same(t, "chart of "+name, days, want)
	}
	for name, want := range map[string]int64{"one": 2, "two": 4, "three": 3} {
		same(t, "calls of key "+name, keyPage(t, s, cttest.KeyID(name)).Use.Total, report.Outcomes{OK: want})
	}
}

// A section that is empty says why, and nothing else.
func TestPages_empty(t *testing.T) {
	s := fillLines(t, `
2026-01-08T06:00:00Z Decrypt key/one@main role/outsider@foreign copies=owner
2026-01-08T07:00:00Z Decrypt key/two role/app ctx.tenant=blue error=denied
`)
	outsider := cttest.UniqueID("AROA", cttest.Account("foreign"), "outsider")
	for _, tt := range []struct {
		page page
		want string
	}{
		{principalPage(t, s, outsider), "Its account pays for the requests; that account's logs are not read, so rates are not known."},
		{keyPage(t, s, cttest.KeyID("two")), "No successful call that takes an encryption context"},
	} {
		if out := string(write(t, text(tt.page, report.TerminalOptions{Width: 140}))); !strings.Contains(out, tt.want) {
			t.Errorf("the page does not say %q:\n%s", tt.want, out)
		}
	}
	if out := string(write(t, text(principalPage(t, s, "app"), report.TerminalOptions{Width: 140}))); strings.Contains(out, "Its account pays") {
		t.Errorf("the page of a principal whose account's logs are read says that they are not:\n%s", out)
	}
}

// Where no change of its state is in the logs, refused calls tell it, until
// the key is used again.
func TestKey_refused(t *testing.T) {
	s := fillLines(t, `
2026-01-08T06:00:00Z Decrypt key/doomed role/app
2026-01-08T07:00:00Z Decrypt key/doomed role/app error=disabled
2026-01-09T07:00:00Z Decrypt key/doomed role/app error=pending_deletion
2026-01-09T07:00:00Z Decrypt key/off role/app error=disabled
2026-01-09T07:00:00Z Decrypt key/hollow role/app error=pending_import
2026-01-09T07:00:00Z Decrypt key/back role/app error=disabled
2026-01-09T08:00:00Z Decrypt key/back role/app
`)
	for name, want := range map[string]string{"doomed": "pending deletion", "off": "disabled", "hollow": "pending import", "back": ""} {
		out := string(write(t, text(keyPage(t, s, cttest.KeyID(name)), report.TerminalOptions{Width: 140})))
		wants := []string{"It is " + want + ", as refused calls say; 1 caller made", want + ", as refused calls say (last 2026-01-09 07:00); the logs hold no change of its state"}
		if want == "" {
			wants = []string{"not known; the logs hold no change of its state"}
		}
		for _, w := range wants {
			if !strings.Contains(out, w) {
				t.Errorf("the page of %s does not say %q:\n%s", name, w, out)
			}
		}
	}
}

// A comparison with a time before the logs says so.
func TestKey_logsBegin(t *testing.T) {
	for first, want := range map[string]string{"2026-01-07": "", "2026-01-08": "2026-01-08", "2026-01-15": "2026-01-15"} {
		s := fillLines(t, first+"T06:00:00Z Decrypt key/one role/app\n2026-01-16T06:00:00Z Decrypt key/two role/app\n2026-01-02T06:00:00Z Decrypt key/east role/app region=us-west-2")
		for _, name := range []string{"one", "two"} {
			p := keyPage(t, s, cttest.KeyID(name))
			same(t, "first day of the logs", p.News.LogsBegin, want)
			out := string(write(t, text(p, report.TerminalOptions{Width: 140})))
			if strings.Contains(out, "The logs begin on "+want) != (want != "") {
				t.Errorf("logs from %s: the page is wrong about when they begin:\n%s", first, out)
			}
		}
	}
}
