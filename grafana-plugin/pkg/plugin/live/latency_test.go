package live

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestLatency prints how long a panel waits for so many rows of five columns, from
// the call of Grafana's to the frame, over both hops.
func TestLatency(t *testing.T) {
	_, s := served(t, options{"maxRows": 1_000_000})
	query := func(n int) object {
		return sqlQuery(fmt.Sprintf(`SELECT TIMESTAMP '2026-10-02' + to_seconds(i) AS time, i AS calls, i / 7 AS ratio,
			'arn:aws:kms:eu-west-1:111122223333:key/' || (i %% 100) AS key_arn, i %% 2 = 0 AS denied FROM range(%d) AS t(i)`, n))
	}
	s.frame(t, query(10))
	for _, x := range []struct{ rows, runs int }{{100, 30}, {10_000, 15}, {1_000_000, 3}} {
		times := make([]time.Duration, x.runs)
		size := 0
		for i := range times {
			start := time.Now()
			f := s.frame(t, query(x.rows))
			times[i] = time.Since(start)
			if f.Rows() != x.rows {
				t.Fatalf("%d rows of %d", f.Rows(), x.rows)
			}
			if i == 0 {
				arrow, err := f.MarshalArrow()
				if err != nil {
					t.Fatal(err)
				}
				size = len(arrow)
			}
		}
		slices.Sort(times)
		t.Logf("%9d rows: p50 %8.2f ms, fastest %8.2f ms, %d runs, %.1f kB of Arrow", x.rows,
			float64(times[x.runs/2].Microseconds())/1000, float64(times[0].Microseconds())/1000, x.runs, float64(size)/1000)
	}
}
