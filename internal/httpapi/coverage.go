package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/kmstrail/kmstrail/internal/report"
	"github.com/kmstrail/kmstrail/internal/rows"
)

const (
	// coverageAge is for how long the map is kept: it changes with the days.
	coverageAge = time.Minute
	// coverageDays and coverageRows bound the map.
	coverageDays = 30
	coverageRows = 80
)

// coverageMap says what was looked at: a row per account and Region, a column
// per day.
type coverageMap struct {
	Days []time.Time
	Rows []coverageRow
	// Places counts all rows, Troubled those with a day of which something is
	// missing; Omitted of them are left out.
	Places, Troubled, Omitted int
	States                    map[report.CoverageState]int64
}

type coverageRow struct {
	Account, Name, Region string
	Cells                 []coverageCell
	events                int64
	missing               int
}

type coverageCell struct {
	State                              report.CoverageState
	Files, Failed, Events, Quarantined int64
	// Shade is 1 to 4, by the number of events.
	Shade int
}

func readCoverage(ctx context.Context, store Store) (*coverageMap, error) {
	m := &coverageMap{States: map[report.CoverageState]int64{}}
	var last time.Time
	if err := each(ctx, store, "select max(day) from log_file_days", nil, func(r rows.Row) { last = r.Moment(0) }); err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	if last.IsZero() {
		return m, nil
	}
	first := last.AddDate(0, 0, 1-coverageDays)
	for i := range coverageDays {
		m.Days = append(m.Days, first.AddDate(0, 0, i))
	}
	places := map[[2]string]*coverageRow{}
	var most int64
	err := each(ctx, store, `
		select c.account_id, a.account_name, c.region, c.day, c.state, c.log_file_count, c.failed_file_count, c.kms_event_count, c.quarantined_count
		from coverage c left join accounts a on a.account_id = c.account_id
		where c.day >= cast(? as date)`, []any{first}, func(r rows.Row) {
		i := int(r.Moment(3).Sub(first) / (24 * time.Hour))
		if i < 0 || i >= coverageDays {
			return
		}
		key := [2]string{r.Text(0), r.Text(2)}
		row := places[key]
		if row == nil {
			row = &coverageRow{Account: key[0], Name: r.Text(1), Region: key[1], Cells: make([]coverageCell, coverageDays)}
			places[key] = row
		}
		cell := coverageCell{State: report.CoverageState(r.Text(4)), Files: r.Number(5), Failed: r.Number(6), Events: r.Number(7), Quarantined: r.Number(8)}
		row.Cells[i] = cell
		row.events += cell.Events
		if cell.troubled() {
			row.missing++
		}
		m.States[cell.State]++
		most = max(most, cell.Events)
	})
	if err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	m.choose(places, most)
	return m, nil
}

// troubled reports whether something is missing.
func (c coverageCell) troubled() bool {
	return c.State == report.Gap || c.State == report.Excluded || c.Failed > 0
}

// choose keeps the rows that miss most, then the busiest, and puts them into
// the order of accounts.
func (m *coverageMap) choose(places map[[2]string]*coverageRow, most int64) {
	for _, row := range places {
		m.Rows = append(m.Rows, *row)
		if row.missing > 0 {
			m.Troubled++
		}
	}
	m.Places = len(m.Rows)
	byName := func(a, b coverageRow) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
	}
	slices.SortFunc(m.Rows, func(a, b coverageRow) int {
		return cmp.Or(cmp.Compare(b.missing, a.missing), cmp.Compare(b.events, a.events), byName(a, b))
	})
	m.Rows = m.Rows[:min(len(m.Rows), coverageRows)]
	m.Omitted = m.Places - len(m.Rows)
	slices.SortFunc(m.Rows, byName)
	for i := range m.Rows {
		for j := range m.Rows[i].Cells {
			c := &m.Rows[i].Cells[j]
			c.Shade = shade(c.Events, most)
		}
	}
}

// shade is 1 to 4 on a logarithmic scale, because accounts differ by orders of
// magnitude.
func shade(n, most int64) int {
	if n <= 0 || most <= 1 {
		return 1
	}
	return min(4, 1+int(4*math.Log1p(float64(n))/math.Log1p(float64(most))*0.999))
}
