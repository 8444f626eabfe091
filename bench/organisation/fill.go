package organisation

import (
	"context"
	"fmt"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
)

// FilledDays is over how many days the events of a filled store lie.
const FilledDays = 90

// FilledUntil is the end of the events of a filled store.
var FilledUntil = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)

// The ingester's batches and commits while it catches up.
const (
	fillBatch   = 16_000
	fillBatches = 6
)

// Sink is what a store is of [ingest.Sink].
type Sink interface {
	Add(ctx context.Context, b *ingest.Batch) (ingest.BatchResult, error)
	Commit(ctx context.Context) error
}

// Fill stores the first events of stream 1, spread over the days before
// FilledUntil. made is called when a batch has been made, stored when it is in
// the store.
func Fill(ctx context.Context, sink Sink, events int64, made func(), stored func(done int64)) error {
	g := NewGenerator(New(), 1, 1, FillArrival(events))
	for n := 1; g.next < events; n++ {
		batch := g.NextBatch(int(min(fillBatch, events-g.next)))
		made()
		if err := Add(ctx, sink, batch); err != nil {
			return err
		}
		if n%fillBatches == 0 || g.next == events {
			if err := sink.Commit(ctx); err != nil {
				return err
			}
		}
		stored(g.next)
	}
	return nil
}

// Add hands a batch to the sink, which does not keep it.
func Add(ctx context.Context, sink Sink, b *ingest.Batch) error {
	defer b.Events.Release()
	res, err := sink.Add(ctx, b)
	if err == nil && res.Inserted != b.Events.NumRows() {
		err = fmt.Errorf("%d of %d events were stored: the same hour twice?", res.Inserted, b.Events.NumRows())
	}
	return err
}

// FillArrival spreads events over the days of the fill, more by day than by
// night.
func FillArrival(events int64) func(int64) time.Time {
	byHour := [24]float64{2, 2, 2, 2, 2, 3, 4, 5, 6, 7, 7, 7, 6, 7, 7, 7, 6, 5, 4, 4, 3, 3, 2, 2}
	var until [25]float64
	for i, n := range byHour {
		until[i+1] = until[i] + n
	}
	first := FilledUntil.AddDate(0, 0, -FilledDays)
	return func(n int64) time.Time {
		days := float64(n) / float64(events) * FilledDays
		day := int(days)
		share := (days - float64(day)) * until[24]
		hour := 0
		for hour < 23 && until[hour+1] <= share {
			hour++
		}
		hours := float64(24*day+hour) + (share-until[hour])/byHour[hour]
		return first.Add(time.Duration(hours * float64(time.Hour)))
	}
}
