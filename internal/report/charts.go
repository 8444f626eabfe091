package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// tick is a column head of the coverage map; most have no label.
type tick struct{ Day, Label string }

// newTicks labels the first column and then each first of a month and, where
// there is room, every seventh column.
func newTicks(days []string) []tick {
	out := make([]tick, len(days))
	last := -7
	for i, d := range days {
		out[i].Day = d
		if i-last >= 7 && i <= len(days)-2 || i == 0 {
			out[i].Label = d[5:]
			last = i
		}
	}
	return out
}

// mapRow is a row of the coverage map.
type mapRow struct {
	Name, Title string
	Cells       []mapCell
}

type mapCell struct{ Class, Mark, Title string }

func newMap(c *Coverage) []mapRow {
	var most int64
	for _, line := range c.Rows {
		for _, cell := range line.Cells {
			most = max(most, cell.KMSRecords)
		}
	}
	out := make([]mapRow, 0, len(c.Rows))
	for _, line := range c.Rows {
		row := mapRow{Name: accountText(line.AccountID, line.AccountName), Title: accountText(line.AccountID, line.AccountName)}
		if line.AccountName != "" {
			row.Name = clean(line.AccountName)
		}
		for i, cell := range line.Cells {
			row.Cells = append(row.Cells, newMapCell(c.Days[i], cell, most))
		}
		out = append(out, row)
	}
	return out
}

func newMapCell(day string, c CoverageCell, most int64) mapCell {
	text := day + ": " + stateText(c.State)
	if c.State != Unseen {
		text += fmt.Sprintf(", %s files, %s KMS records", grouped(c.LogFiles), grouped(c.KMSRecords))
	}
	if c.FailedFiles > 0 {
		text += ", " + grouped(c.FailedFiles) + " not readable"
	}
	if c.Quarantined > 0 {
		text += ", " + grouped(c.Quarantined) + " in quarantine"
	}
	switch {
	case c.State == Gap && c.LogFiles > 0:
		return mapCell{"p", "!", text + ", gap in some Regions only"}
	case c.State == Gap:
		return mapCell{"g", "!", text}
	case c.State == Excluded:
		return mapCell{"x", "×", text}
	case c.FailedFiles > 0:
		return mapCell{"f", "?", text}
	case c.State == Silent:
		return mapCell{"s", "·", text}
	case c.State == Observed:
		return mapCell{"h" + strconv.Itoa(shade(c.KMSRecords, most)), "", text}
	default:
		return mapCell{"u", "", text}
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

// plot is the stacked chart of calls. Heights are in percent of the scale.
type plot struct {
	Width       int
	Top, Middle string
	Text        string
	Days        []string
	Bars        []plotBar
}

type plotBar struct {
	Title string
	Parts []plotPart
}

type plotPart struct {
	Class      string
	X, Y, W, H string
}

// thinnest is the least height of a part that is not zero.
const thinnest = 1.2

func newPlot(a *Activity) plot {
	var most int64
	peak := ""
	for _, d := range a.Days {
		if n := d.Sum(); n > most {
			most, peak = n, d.Day
		}
	}
	top := niceTop(most)
	p := plot{Width: max(1, len(a.Days)), Top: grouped(top), Middle: decimalGrouped(float64(top) / 2)}
	p.Text = fmt.Sprintf("%s calls in %d bars, highest %s on %s", grouped(a.Total.Sum()), len(a.Days), grouped(most), peak)
	for i, d := range a.Days {
		p.Bars = append(p.Bars, newPlotBar(i, d, top))
	}
	if n := len(a.Days); n > 0 {
		p.Days = append(p.Days, a.Days[0].Day)
		if n > 2 {
			p.Days = append(p.Days, a.Days[n/2].Day)
		}
		if n > 1 {
			p.Days = append(p.Days, a.Days[n-1].Day)
		}
	}
	return p
}

func newPlotBar(i int, d DayOutcomes, top int64) plotBar {
	b := plotBar{Title: fmt.Sprintf("%s: %s succeeded, %s denied, %s throttled, %s other errors, %s dry runs",
		d.Day, grouped(d.OK), grouped(d.Denied), grouped(d.Throttled), grouped(d.Failed), grouped(d.DryRun))}
	y := 100.0
	for _, part := range []struct {
		class string
		n     int64
	}{{"ok", d.OK}, {"dry", d.DryRun}, {"failed", d.Failed}, {"throttled", d.Throttled}, {"denied", d.Denied}} {
		if part.n == 0 {
			continue
		}
		h := max(thinnest, 100*float64(part.n)/float64(top))
		y -= h
		b.Parts = append(b.Parts, plotPart{part.class, length(float64(i) + 0.12), length(y), "0.76", length(h)})
	}
	return b
}

// length writes a coordinate.
func length(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// niceTop rounds up to 1, 2, 2.5, 4, 5 or 8 times a power of ten.
func niceTop(n int64) int64 {
	if n < 4 {
		return max(n, 1)
	}
	for unit := int64(1); ; unit *= 10 {
		for _, tenths := range []int64{10, 20, 25, 40, 50, 80} {
			if v := unit * tenths / 10; v >= n {
				return v
			}
		}
		if unit > math.MaxInt64/100 {
			return n
		}
	}
}

// decimalGrouped is decimal with thousands separators from 1,000 on.
func decimalGrouped(v float64) string {
	if v == math.Trunc(v) {
		return grouped(int64(v))
	}
	return decimal(v)
}

// bar is one horizontal bar; Width is a percentage.
type bar struct {
	Class string
	Width string
	Mark  bool
}

func newBar(class string, share float64) bar {
	w := math.Min(100, 100*share)
	if share > 0 {
		w = max(0.8, w)
	}
	return bar{Class: class, Width: length(w)}
}

// barTable is a list of names with their calls.
type barTable struct {
	Title, Note, Name string
	Rows              []barRow
}

type barRow struct {
	bar
	Name, Small     string
	Full            string // the whole ARN, in a tooltip
	Count, Failures string
}

func newBarTables(r *Report) []barTable {
	a := &r.Activity
	names := r.accountNames()
	var out []barTable
	add := func(title, name, unnamed string, of int64, list []Count) {
		if len(list) == 0 {
			return
		}
		t := barTable{Title: title, Name: name}
		if more := left(of, len(list)); more > 0 {
			t.Note = fmt.Sprintf("the first %d of %s", len(list), grouped(of))
		}
		for _, c := range list {
			t.Rows = append(t.Rows, newBarRow(c, unnamed, list[0].Count, names))
		}
		out = append(out, t)
	}
	add("Busiest keys", "Key", "no key", a.KeyCount, a.Keys)
	add("Busiest callers", "Caller", unknownCaller, a.CallerCount, a.Callers)
	add("AWS services behind the calls", "Service", directCall, a.ServiceCount, a.Services)
	add("Operations", "Operation", "not known", a.OperationCount, a.Operations)
	return out
}

// delayBars are the bars of the histogram of delays.
func delayBars(c Coverage) []barRow {
	var all int64
	for _, d := range c.Delays {
		all += d.KMSRecords
	}
	var out []barRow
	for _, d := range c.Delays {
		class := "fill"
		if d.UpToMinutes > 60 {
			class = "near"
		}
		out = append(out, barRow{bar: newBar(class, float64(d.KMSRecords)/float64(all)), Name: delayStep(d.UpToMinutes), Count: grouped(d.KMSRecords)})
	}
	return out
}

const (
	directCall    = "direct, no service"
	unknownCaller = "not known"
)

// accountNames collects the names that the report knows.
func (r *Report) accountNames() map[string]string {
	names := map[string]string{}
	for _, a := range r.Scope.Accounts {
		names[a.ID] = a.Name
	}
	for _, line := range r.Coverage.Rows {
		names[line.AccountID] = line.AccountName
	}
	return names
}

func newBarRow(c Count, unnamed string, most int64, names map[string]string) barRow {
	name, place := c.read(unnamed, names)
	return barRow{
		bar:  newBar("fill", float64(c.Count)/float64(max(most, 1))),
		Name: name, Small: place, Full: clean(c.Name), Count: grouped(c.Count), Failures: grouped(c.Failures),
	}
}

// read is what people call a key, caller, service or operation, and where a
// key or caller is: account and, for a key, Region.
func (c Count) read(unnamed string, names map[string]string) (name, place string) {
	a := splitARN(c.Name)
	switch {
	case c.Label != "":
		name = short(c.Label)
	case c.Name == "":
		name = unnamed
	default:
		name = short(strings.TrimPrefix(a.name, "key/"))
	}
	if a.account != "" {
		place = accountText(a.account, names[a.account])
		if a.region != "" {
			place += ", " + short(a.region)
		}
	}
	return name, place
}

// verdictBars draws failed, unknown and passed places side by side.
func verdictBars(d DetectorVerdicts) []plotPart {
	var out []plotPart
	x, all := 0.0, float64(max(1, d.Fail+d.Unknown+d.Pass))
	for _, part := range []struct {
		class string
		n     int
	}{{"no", d.Fail}, {"q", d.Unknown}, {"yes", d.Pass}} {
		if part.n == 0 {
			continue
		}
		w := 100 * float64(part.n) / all
		out = append(out, plotPart{part.class, length(x), "0", length(w), "10"})
		x += w
	}
	return out
}

// rateRow is a line of the table of request rates.
type rateRow struct {
	bar
	Where, Region, Quota, Numbers, At string
	Seconds, Throttled                int64
}

func newRateRows(rates []Rate) []rateRow {
	out := make([]rateRow, 0, len(rates))
	for _, r := range rates {
		row := rateRow{
			Where: accountText(r.AccountID, r.AccountName), Region: clean(r.Region), Quota: quotaText(r.QuotaName),
			Seconds: r.SecondsNear, Throttled: r.Throttled, At: second(r.PeakAt), Numbers: rateNumbers(r),
		}
		if r.CustomKeyStoreID != "" {
			row.Quota += " " + short(r.CustomKeyStoreID)
		}
		class := "fill"
		switch {
		case r.Peak < 2:
		case r.Used() > 1:
			class = "over"
		case r.Used() > 0.8:
			class = "near"
		}
		row.bar = newBar(class, r.Used())
		row.Mark = true
		out = append(out, row)
	}
	return out
}

// rateNumbers is a peak with its quota.
func rateNumbers(r Rate) string {
	if r.Quota <= 0 {
		return grouped(r.Peak) + " / not known"
	}
	return grouped(r.Peak) + " / " + decimalGrouped(r.Quota) + " (" + percent(r.Used()) + ")"
}
