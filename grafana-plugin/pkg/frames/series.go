package frames

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

const (
	// maxCells is how many points all series have together at most, when there
	// is more than one.
	maxCells = 2_000_000
	// maxBuckets is how many buckets of time are filled at most; a screen has
	// fewer points across.
	maxBuckets = 20_000
	// maxLabel is how many bytes of the text of a label are kept.
	maxLabel = 256
	// nullLabel stands for NULL: a label that is empty is the same as none.
	nullLabel = "NULL"
)

// A series is the rows that have the same labels.
type series struct {
	// row is the first of them.
	row int
	// total is how much of the first value column it has, by which series are
	// kept.
	total float64
	// at is its place among the series that are kept, -1 when it is not.
	at int
}

// seriesFrame makes one field per series and value column, all over the same
// times, which are in order.
func (t *table) seriesFrame() *data.Frame {
	s := t.newPivot()
	s.readRows()
	s.choose()
	s.grid()
	s.limitCells()
	return s.frame()
}

// A pivot turns rows into series.
type pivot struct {
	*table
	when   *column
	values []*column
	labels []*column

	series []*series
	// seriesOf tells for each row its series, nil when it has no time, and at its
	// time in nanoseconds.
	seriesOf []*series
	at       []int64
	// kept are the series to show, in the order in which they came.
	kept []*series
	// times are those of the frame, in nanoseconds, in order.
	times []int64
	// fill is what stands where a series has no row.
	fill Fill
}

func (t *table) newPivot() *pivot {
	p := &pivot{table: t, when: t.timeColumn("time"), values: t.find(isNumber), fill: Fill{Mode: FillNone}}
	var others []string
	for _, c := range t.columns {
		switch kind := c.field.Type(); {
		case c == p.when || kind.Numeric():
		case kind.Time():
			others = append(others, c.field.Name)
		default:
			p.labels = append(p.labels, c)
		}
	}
	if len(others) > 0 {
		t.notice(data.NoticeSeverityInfo, "Not shown in a time series, which has one time: %s.", few(others))
	}
	return p
}

// readRows finds the series of each row.
func (p *pivot) readRows() {
	p.seriesOf, p.at = make([]*series, p.rows), make([]int64, p.rows)
	byKey := map[string]*series{}
	var key []byte
	timeless := int64(0)
	for i := range p.rows {
		at, ok := p.when.timeAt(i)
		if !ok {
			timeless++
			continue
		}
		p.at[i] = at.UnixNano()
		key = key[:0]
		for _, c := range p.labels {
			// No text has a zero byte in it once it is clean.
			key = append(append(key, labelOf(c, i)...), 0)
		}
		s := byKey[string(key)]
		if s == nil {
			s = &series{row: i}
			byKey[string(key)] = s
			p.series = append(p.series, s)
		}
		p.seriesOf[i] = s
		if v, ok := number(p.values[0], i); ok && !math.IsNaN(v) {
			s.total += math.Abs(v)
		}
	}
	if timeless > 0 {
		p.notice(data.NoticeSeverityWarning, "%s without a time left out.", counted(timeless, "row"))
	}
}

// labelSet returns the labels of a series, and their values for people.
func (p *pivot) labelSet(s *series) (data.Labels, string) {
	if len(p.labels) == 0 {
		return nil, ""
	}
	labels, texts := data.Labels{}, make([]string, len(p.labels))
	for i, c := range p.labels {
		texts[i] = labelOf(c, s.row)
		labels[c.field.Name] = texts[i]
	}
	return labels, strings.Join(texts, ", ")
}

// labelOf returns the label of row i. A text that is not shown as it is gets a
// mark of its own: others that look the same are other series.
func labelOf(c *column, i int) string {
	text, ok := c.label(i)
	switch {
	case !ok:
		return nullLabel
	case text != nullLabel && len(text) <= maxLabel && !strings.ContainsAny(text, "\n\r\t"):
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%s #%x", oneLine(text, maxLabel), sum[:6])
}

func number(c *column, i int) (float64, bool) {
	if c.field.NilAt(i) {
		return 0, false
	}
	v, err := c.field.FloatAt(i)
	return v, err == nil
}

// choose keeps as many series as are wanted, the largest ones, and notes their
// times.
func (p *pivot) choose() {
	p.keep(int(min(p.options.MaxSeries, int64(len(p.series)))))
	p.times = p.times[:0]
	for i, s := range p.seriesOf {
		if s != nil && s.at >= 0 {
			p.times = append(p.times, p.at[i])
		}
	}
	slices.Sort(p.times)
	p.times = slices.Compact(p.times)
}

// keep marks the n largest series as those to show.
func (p *pivot) keep(n int) {
	ranked := slices.Clone(p.series)
	slices.SortStableFunc(ranked, func(a, b *series) int { return cmp.Compare(b.total, a.total) })
	for _, s := range ranked {
		s.at = -1
	}
	for _, s := range ranked[:n] {
		s.at = 0
	}
	p.kept = p.kept[:0]
	for _, s := range p.series {
		if s.at == 0 {
			s.at = len(p.kept)
			p.kept = append(p.kept, s)
		}
	}
}

// limitCells leaves out more series when all points together are too many, and
// says which are not shown.
func (p *pivot) limitCells() {
	cells := max(1, len(p.times)) * len(p.values)
	if allowed := max(1, maxCells/cells); allowed < len(p.kept) {
		p.keep(allowed)
	}
	if len(p.kept) == len(p.series) {
		return
	}
	var out []*series
	for _, s := range p.series {
		if s.at < 0 {
			out = append(out, s)
		}
	}
	p.seriesLeft = int64(len(out))
	slices.SortStableFunc(out, func(a, b *series) int { return cmp.Compare(b.total, a.total) })
	names := make([]string, len(out))
	for i, s := range out[:min(len(out), mostNamed)] {
		_, names[i] = p.labelSet(s)
	}
	p.notice(data.NoticeSeverityWarning, "%s of %s series are shown, those with the largest totals; %s left out: %s. Filter, or group by less.",
		grouped(int64(len(p.kept))), grouped(int64(len(p.series))), grouped(int64(len(out))), few(names))
}

// mostNamed is how many things a notice names.
const mostNamed = 3

// few names the first ones, briefly.
func few(names []string) string {
	var out []string
	for _, name := range names[:min(len(names), mostNamed)] {
		out = append(out, oneLine(name, 80))
	}
	text := strings.Join(out, "; ")
	if more := len(names) - len(out); more > 0 {
		text += " and " + grouped(int64(more)) + " more"
	}
	return text
}

// frame puts the values in their places.
func (p *pivot) frame() *data.Frame {
	times := make([]time.Time, len(p.times))
	for i, ns := range p.times {
		times[i] = time.Unix(0, ns).UTC()
	}
	config := p.dress.plain(p.when)
	if p.fill.Mode != FillNone {
		config.Interval = float64(p.options.Bucket) / float64(time.Millisecond)
	}
	frame := data.NewFrame("", data.NewField(p.when.field.Name, nil, times).SetConfig(config))
	frame.Meta = &data.FrameMeta{
		Type: data.FrameTypeTimeSeriesWide, TypeVersion: data.FrameTypeVersion{0, 1},
		PreferredVisualization: data.VisTypeGraph,
	}
	rows := p.place()
	for _, s := range p.kept {
		labels, text := p.labelSet(s)
		for _, c := range p.values {
			field := data.NewField(c.field.Name, labels, p.points(c, rows[s.at*len(times):][:len(times)]))
			frame.Fields = append(frame.Fields, field.SetConfig(p.config(c, labels, text)))
		}
	}
	return frame
}

// place returns for each series and time the row that it has there, -1 for
// none. Of rows with the same labels and time the last one counts.
func (p *pivot) place() []int32 {
	out := make([]int32, len(p.times)*len(p.kept))
	for i := range out {
		out[i] = -1
	}
	doubles := int64(0)
	for i, s := range p.seriesOf {
		if s == nil || s.at < 0 {
			continue
		}
		at, _ := slices.BinarySearch(p.times, p.at[i])
		cell := &out[s.at*len(p.times)+at]
		if *cell >= 0 {
			doubles++
		}
		*cell = int32(i)
	}
	if doubles > 0 {
		p.notice(data.NoticeSeverityWarning, "%s not shown: others have the same time and labels, of which the last one is. Group by what tells them apart.", counted(doubles, "row"))
	}
	return out
}

// points returns the values of a column in some rows, filled where there is
// none.
func (p *pivot) points(c *column, rows []int32) []*float64 {
	slab, out := make([]float64, len(rows)), make([]*float64, len(rows))
	var last *float64
	for i, row := range rows {
		if row < 0 {
			slab[i], out[i] = p.fill.Value, &slab[i]
			switch p.fill.Mode {
			case FillNone, FillNull:
				out[i] = nil
			case FillPrevious:
				out[i] = last
			}
			continue
		}
		if v, ok := number(c, int(row)); ok {
			slab[i], out[i] = v, &slab[i]
			last = out[i]
		}
	}
	return out
}

// config dresses a series: it is called by its labels, and by its value column
// where there is more than one.
func (p *pivot) config(c *column, labels data.Labels, text string) *data.FieldConfig {
	config := p.dress.plain(c)
	switch {
	case p.options.Legend != "":
		config.DisplayNameFromDS = legend(p.options.Legend, c.field.Name, labels)
	case text != "" && len(p.values) > 1:
		config.DisplayNameFromDS = cmp.Or(config.DisplayNameFromDS, c.field.Name) + " " + text
	case text != "":
		config.DisplayNameFromDS = text
	}
	return config
}

var placeholder = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)

// legend fills in a template. A label that the series does not have stays in
// it, so that the mistake is seen.
func legend(template, name string, labels data.Labels) string {
	return placeholder.ReplaceAllStringFunc(template, func(found string) string {
		label := placeholder.FindStringSubmatch(found)[1]
		if label == "__name__" {
			return name
		}
		if v, ok := labels[label]; ok {
			return v
		}
		return found
	})
}
