package dossier_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/casestore"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/dossier"
	"github.com/kmstrail/kmstrail/internal/report"
	"github.com/kmstrail/kmstrail/internal/sqlcase"
	"github.com/kmstrail/kmstrail/schema"
)

// fill puts the events of a file of event lines into an empty store, with names
// for two accounts and the default quotas.
func fill(t *testing.T, path string) *casestore.Store {
	t.Helper()
	lines := ""
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines = string(text)
	}
	return fillLines(t, lines)
}

func fillLines(t *testing.T, lines string) *casestore.Store {
	t.Helper()
	s, err := casestore.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	records, err := cttest.ParseLines(lines)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ingest(t.Context(), logFiles(t, records), nil); err != nil {
		t.Fatal(err)
	}
	replace(t, s, &schema.Accounts, [][]any{{cttest.Account("main"), "payments", nil}, {cttest.Account("foreign"), "vendor (outside)", nil}})
	replace(t, s, &schema.Quotas, schema.DefaultQuotas())
	return s
}

// logFiles delivers the records of each account, Region and day in one file, at
// the end of the day.
func logFiles(t *testing.T, records [][]byte) []sqlcase.LogFile {
	t.Helper()
	var order []string
	parts := map[string][][]byte{}
	for _, record := range records {
		var head struct {
			Time    time.Time `json:"eventTime"`
			Account string    `json:"recipientAccountId"`
			Region  string    `json:"awsRegion"`
		}
		if err := json.Unmarshal(record, &head); err != nil {
			t.Fatal(err)
		}
		delivered := head.Time.Truncate(24 * time.Hour).Add(24*time.Hour - time.Minute)
		key := cttest.Key("", "", head.Account, head.Region, delivered, "fixture")
		if parts[key] == nil {
			order = append(order, key)
		}
		parts[key] = append(parts[key], record)
	}
	files := make([]sqlcase.LogFile, len(order))
	for i, key := range order {
		files[i] = sqlcase.LogFile{Key: key, Body: cttest.LogFile(parts[key]...)}
	}
	return files
}

func replace(t *testing.T, s *casestore.Store, table *schema.Table, rows [][]any) {
	t.Helper()
	rec, err := schema.Rows(table, rows)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	if err := s.Replace(t.Context(), table, rec); err != nil {
		t.Fatal(err)
	}
}

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

// options look at two weeks, with one finding about the key data.
func options() dossier.Options {
	return dossier.Options{
		Window: report.Window{Start: day(7), End: day(21)}, Now: day(22).Add(7 * time.Hour),
		Findings: []detectors.Finding{
			finding("open", "new"), finding("done", "resolved"),
		},
	}
}

func finding(name, status string) detectors.Finding {
	return detectors.Finding{
		FindingID: cttest.EventID(name), DetectorID: "cross_account_decrypt", Title: "An account that is not trusted uses a key", Status: status, Severity: "high",
		AccountID: cttest.Account("main"), Region: "us-east-1", KeyARN: cttest.KeyARN("main", "us-east-1", "data"),
		PrincipalARN: "arn:aws:iam::999999999999:role/reader", FirstSeen: day(15), LastSeen: day(16), EventCount: 3,
		EventIDs: []string{cttest.EventID("reader/0")}, Summary: "A reader of another account called Decrypt with key/data",
		Details: map[string]any{"resources": []any{"arn:aws:s3:::data/a.csv"}},
	}
}

func keyPage(t *testing.T, s *casestore.Store, name string) *dossier.KeyPage {
	t.Helper()
	arn, err := dossier.FindKey(t.Context(), s, name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := dossier.Key(t.Context(), s, arn, options())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func principalPage(t *testing.T, s *casestore.Store, name string) *dossier.PrincipalPage {
	t.Helper()
	who, err := dossier.FindPrincipal(t.Context(), s, name)
	if err != nil {
		t.Fatal(err)
	}
	p, err := dossier.Principal(t.Context(), s, who, options())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func resourcePage(t *testing.T, s *casestore.Store, name string) *dossier.ResourcePage {
	t.Helper()
	id, err := dossier.FindResource(t.Context(), s, name, options())
	if err != nil {
		t.Fatal(err)
	}
	p, err := dossier.Resource(t.Context(), s, id, options())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// same compares and says what differs.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// hostile is text that wants out of every format.
func hostile() string {
	return "<script>alert('x')</script>\"'`${7*7}{{.}}\x1b[31mred\x1b]8;;http://example.com\x07\u202Egnp.exe\u2066\u0000\r\n# Head\xff $(reboot) " + strings.Repeat("k", 300)
}
