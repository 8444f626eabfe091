package frames

import (
	"html"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// annotationsFrame makes an annotation of each row that has a time. Grafana
// shows title and text as HTML, so what comes from logs is escaped.
func (t *table) annotationsFrame() *data.Frame {
	when := t.timeColumn("time", "event_time", "first_seen", "valid_from")
	end := t.named("timeEnd", "timeend", "time_end", "last_seen", "valid_to")
	var (
		times                    []time.Time
		ends                     []*time.Time
		titles, texts, tags, ids []string
	)
	for i := range t.rows {
		at, ok := when.timeAt(i)
		if !ok {
			continue
		}
		times = append(times, at)
		ends = append(ends, endOf(end, at, i))
		titles = append(titles, html.EscapeString(t.title(i)))
		texts = append(texts, t.paragraph(i))
		tags = append(tags, t.tags(i))
		ids = append(ids, t.text(i, "id", "finding_id", "event_id"))
	}
	t.tellTimeless(when)
	frame := data.NewFrame("",
		data.NewField("time", nil, times),
		data.NewField("timeEnd", nil, ends),
		data.NewField("title", nil, titles),
		data.NewField("text", nil, texts),
		data.NewField("tags", nil, tags),
		data.NewField("id", nil, ids),
	)
	frame.Meta = &data.FrameMeta{Type: data.FrameTypeTable}
	return frame
}

// endOf returns when what began at a time ended; nil for a moment.
func endOf(end *column, at time.Time, i int) *time.Time {
	if end == nil || !end.field.Type().Time() {
		return nil
	}
	if until, ok := end.timeAt(i); ok && until.After(at) {
		return &until
	}
	return nil
}

func (t *table) title(i int) string {
	if title := t.text(i, "title"); title != "" {
		return title
	}
	if detector := t.text(i, "detector_id"); detector != "" {
		title := strings.ReplaceAll(detector, "_", " ")
		if severity := t.text(i, "severity"); severity != "" {
			title += " (" + severity + ")"
		}
		return title
	}
	return t.text(i, "event_name", "name", "kind")
}

// details are the columns that a text names beside what it says.
var details = []string{"key_state", "deletion_date", "rotation_period_days", "status", "status_reason", "key_arn"}

// paragraph is what row i says, and under it what it is about.
func (t *table) paragraph(i int) string {
	if text := t.text(i, "text"); text != "" {
		return html.EscapeString(text)
	}
	lines := []string{html.EscapeString(t.line(i))}
	if t.named("event_name", "detector_id") != nil {
		for _, name := range details {
			if value := t.text(i, name); value != "" {
				lines = append(lines, html.EscapeString(displayName(name)+": "+value))
			}
		}
	}
	return strings.Join(lines, "<br>")
}

// tagColumns are the columns whose values are tags.
var tagColumns = []string{"severity", "status", "detector_id", "event_name", "kind", "account_id", "region"}

// tags returns the tags of row i, with commas between them as Grafana wants it.
func (t *table) tags(i int) string {
	if c := t.named("tags"); c != nil && c.field.Type() == data.FieldTypeNullableString {
		return c.or(i, "")
	}
	var out []string
	for _, name := range tagColumns {
		if value := t.text(i, name); value != "" {
			out = append(out, strings.ReplaceAll(oneLine(value, maxLabel), ",", " "))
		}
	}
	return strings.Join(out, ",")
}
