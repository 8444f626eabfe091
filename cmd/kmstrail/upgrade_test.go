package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// TestUpgrade: with a store that an earlier version wrote, the commands go on
// where that version stopped.
func TestUpgrade(t *testing.T) {
	packed, err := os.ReadFile("../../internal/duck/testdata/upgrade/layout1.duckdb.zst")
	if err != nil {
		t.Fatal(err)
	}
	r, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	store, err := r.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(t.TempDir(), "kmstrail.duckdb")
	if err := os.WriteFile(db, store, 0o600); err != nil {
		t.Fatal(err)
	}
	kmstrail := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, messages bytes.Buffer
		args = append([]string{"--config", "../../sampledata/kmstrail.yaml", "--db", db}, args...)
		if code := run(t.Context(), args, strings.NewReader(""), &out, &messages, nil); code != want {
			t.Fatalf("%s: exit status %d, want %d\n%s", strings.Join(args, " "), code, want, messages.String())
		}
		return out.String(), messages.String()
	}
	// A question migrates it as well.
	events, _ := kmstrail(0, "sql", "--format", "csv", "select count(*) as events from kms_events")
	// Findings of the detectors that the earlier version had, and what was
	// decided about them.
	var had map[string]bool
	findings := func() map[string]string {
		t.Helper()
		out, _ := kmstrail(0, "findings", "list", "--status", "all", "--format", "json")
		var list []struct {
			ID       string `json:"finding_id"`
			Detector string `json:"detector_id"`
			Status   string `json:"status"`
		}
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if had == nil {
			had = map[string]bool{}
			for _, f := range list {
				had[f.Detector] = true
			}
		}
		got := map[string]string{}
		for _, f := range list {
			if had[f.Detector] {
				got[f.ID] = f.Status
			}
		}
		return got
	}
	before := findings()
	count := map[string]int{}
	for _, status := range before {
		count[status]++
	}
	if diff := cmp.Diff(map[string]int{"new": 16, "in_progress": 2, "suppressed": 1, "resolved": 1}, count); diff != "" {
		t.Errorf("findings (-decided +kept):\n%s", diff)
	}
	// Every day is looked at again: what was found is found, nothing else is.
	kmstrail(0, "detect", "--from", "2026-09-01", "--to", "2026-12-01")
	if diff := cmp.Diff(before, findings()); diff != "" {
		t.Errorf("findings (-before +detected again):\n%s", diff)
	}
	// The logs of today, which hold those of then, bring what is new, once.
	kmstrail(4, "ingest", "../../sampledata/bucket")
	again, _ := kmstrail(0, "sql", "--format", "csv", "select count(*) as events from kms_events")
	if want := fmt.Sprintf("events\n%d\n", sampleEvents(t)); strings.ReplaceAll(again, "\r", "") != want {
		t.Errorf("%q after today's logs, want %q; before them %q", again, want, events)
	}
	if diff := cmp.Diff(before, findings()); diff != "" {
		t.Errorf("findings (-before +ingested again):\n%s", diff)
	}
	history, _ := kmstrail(0, "sql", "--format", "csv", "select to_status, actor, reason from finding_history where actor <> 'detector' order by all")
	want := "to_status,actor,reason\nin_progress,ann,looking into it\nin_progress,ann,looking into it\nresolved,bob,key policy corrected\nsuppressed,ann,wanted\n"
	if diff := cmp.Diff(want, strings.ReplaceAll(history, "\r", "")); diff != "" {
		t.Errorf("history (-decided +kept):\n%s", diff)
	}
}

// sampleEvents is how many events of KMS the committed sample bucket holds.
func sampleEvents(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("../../sampledata/truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var truth struct {
		KMSEvents int `json:"kms_events"`
	}
	if err := json.Unmarshal(text, &truth); err != nil {
		t.Fatal(err)
	}
	return truth.KMSEvents
}
