package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// statSums are what Trino says of queries, all together.
type statSums struct {
	Queries  int     `json:"queries"`
	CPU      float64 `json:"cpu_seconds"`
	Planning float64 `json:"planning_seconds,omitempty"`
	// ReadBytes and ReadRows are what was read of files.
	ReadBytes int64   `json:"read_bytes"`
	ReadRows  int64   `json:"read_rows"`
	PeakMB    float64 `json:"peak_memory_mb"`
}

// queryInfo is what Trino knows of a query.
type queryInfo struct {
	QueryID string `json:"queryId"`
	State   string `json:"state"`
	Session struct {
		Source string `json:"source"`
	} `json:"session"`
	QueryStats struct {
		CreateTime            time.Time `json:"createTime"`
		TotalCPUTime          trinoTime `json:"totalCpuTime"`
		PlanningTime          trinoTime `json:"planningTime"`
		PhysicalInputDataSize trinoSize `json:"physicalInputDataSize"`
		PhysicalInputRows     int64     `json:"physicalInputPositions"`
		PeakMemory            trinoSize `json:"peakUserMemoryReservation"`
	} `json:"queryStats"`
}

// trinoStats sums up what Trino used for the queries of a source since a moment.
func trinoStats(ctx context.Context, url, source string, since time.Time) (statSums, error) {
	var sum statSums
	var all []queryInfo
	if err := getJSON(ctx, url+"/v1/query", &all); err != nil {
		return sum, err
	}
	for i := range all {
		q := &all[i]
		if q.Session.Source != source || q.QueryStats.CreateTime.Before(since.Truncate(time.Millisecond)) {
			continue
		}
		// The list says less than the page of the query.
		if err := getJSON(ctx, url+"/v1/query/"+q.QueryID+"?pruned=true", q); err != nil {
			return sum, err
		}
		if q.State != "FINISHED" {
			return sum, fmt.Errorf("query %s of %s is %s", q.QueryID, source, q.State)
		}
		s := &q.QueryStats
		sum.Queries++
		sum.CPU += float64(s.TotalCPUTime)
		sum.Planning += float64(s.PlanningTime)
		sum.ReadBytes += int64(s.PhysicalInputDataSize)
		sum.ReadRows += s.PhysicalInputRows
		sum.PeakMB = max(sum.PeakMB, float64(s.PeakMemory)/1e6)
	}
	if sum.Queries == 0 {
		return sum, fmt.Errorf("no query of %q since %s is known to Trino", source, since.Format(time.TimeOnly))
	}
	return sum, nil
}

func getJSON(ctx context.Context, url string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("X-Trino-User", "bench")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(v)
}

// trinoTime is seconds, which Trino writes as 1.50m.
type trinoTime float64

// trinoSize is bytes, which Trino writes as 12345B, or 12.1kB of 1024.
type trinoSize float64

var (
	timeUnits = map[string]float64{"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}
	sizeUnits = map[string]float64{"B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
)

func (t *trinoTime) UnmarshalText(b []byte) (err error) {
	*t, err = quantity[trinoTime](string(b), timeUnits)
	return err
}

func (s *trinoSize) UnmarshalText(b []byte) (err error) {
	*s, err = quantity[trinoSize](string(b), sizeUnits)
	return err
}

func quantity[T ~float64](text string, units map[string]float64) (T, error) {
	number := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	unit, ok := units[text[len(number):]]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !ok {
		return 0, fmt.Errorf("%q of Trino is no quantity", text)
	}
	return T(n * unit), nil
}
