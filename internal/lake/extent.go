package lake

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Extent says what partitions a lake has.
type Extent struct {
	Regions []string
	// FirstDay and LastDay are zero when there is none.
	FirstDay, LastDay time.Time
}

// ReadExtent lists the lake to find out which partitions it has.
func ReadExtent(ctx context.Context, b Bucket) (Extent, error) {
	var e Extent
	for _, t := range Tables() {
		if len(t.Partitions) == 0 {
			continue
		}
		if err := b.List(ctx, t.Name+"/", func(name string, _ int64) error { e.add(name); return nil }); err != nil {
			return Extent{}, fmt.Errorf("list partitions of %s: %w", b, err)
		}
	}
	slices.Sort(e.Regions)
	return e, nil
}

// add takes the partition in a file's name into account.
func (e *Extent) add(name string) {
	for part := range strings.SplitSeq(name, "/") {
		column, value, _ := strings.Cut(part, "=")
		switch column {
		case regionColumn.Name:
			if !slices.Contains(e.Regions, value) {
				e.Regions = append(e.Regions, value)
			}
		case dayColumn.Name, deliveryDayColumn.Name:
			day, err := time.Parse(time.DateOnly, value)
			if err != nil {
				continue
			}
			if e.FirstDay.IsZero() || day.Before(e.FirstDay) {
				e.FirstDay = day
			}
			if day.After(e.LastDay) {
				e.LastDay = day
			}
		}
	}
}
