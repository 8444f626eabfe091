//go:build duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmstrail/kmstrail/ingest"
)

func TestCluster(t *testing.T) {
	const hour = clusterGap
	for _, tt := range []struct {
		name  string
		times []int64
		want  []span
	}{
		{"none", nil, nil},
		{"one", []int64{5}, []span{{5, 5}}},
		{"unsorted, one hour", []int64{9, 5, 7}, []span{{5, 9}}},
		{"over the hour's edge", []int64{hour - 1, hour}, []span{{hour - 1, hour}}},
		{"one late event", []int64{100 * hour, 100*hour + 1, 3}, []span{{3, 3}, {100 * hour, 100*hour + 1}}},
		{"before 1970", []int64{-1, 1}, []span{{-1, 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := cluster(tt.times)
			if diff := cmp.Diff(fmt.Sprint(tt.want), fmt.Sprint(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestClusterHasALimit(t *testing.T) {
	var times []int64
	for i := range int64(100) {
		times = append(times, i*10*clusterGap)
	}
	got := cluster(append(times, 2000*clusterGap))
	if len(got) > maxSpans || got[0].from != 0 || got[len(got)-1] != (span{2000 * clusterGap, 2000 * clusterGap}) {
		t.Errorf("%d ranges: %v", len(got), got)
	}
}

func TestLedgerFindsKeysOfEveryKind(t *testing.T) {
	ctx := context.Background()
	s := mustOpen(t, Memory)
	undated := logFile(2)
	undated.Object.Key = strings.Replace(undated.Object.Key, "file-", "fila-", 1)
	undated.Object.Location = ingest.Location{}
	loose := logFile(3)
	loose.Object.Key = "copy/of.json.gz"
	mustCommit(t, s, &ingest.Batch{Files: []ingest.LogFile{*logFile(1), *undated, *loose}})
	for _, tt := range []struct {
		first, last string
		want        int
	}{
		{logFile(1).Object.Key, logFile(1).Object.Key, 1},
		{undated.Object.Key, logFile(1).Object.Key, 2},
		{"copy/a", "copy/z", 1},
		{"", "zzz", 3},
		{"AWSLogs/111122223333/CloudTrail/eu-central-1/2026/02/01/x", "AWSLogs/111122223333/CloudTrail/eu-central-1/2026/03/02/x", 2},
	} {
		got, err := s.Ledger(ctx, "s3://example-logs", tt.first, tt.last)
		if err != nil || len(got) != tt.want {
			t.Errorf("%s to %s: %d entries, want %d (%v)", tt.first, tt.last, len(got), tt.want, err)
		}
	}
}
