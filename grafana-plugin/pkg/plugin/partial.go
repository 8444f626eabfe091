package plugin

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/frames"
)

// part reports whether a result is a part that nobody chose.
func part(result frames.Result, p plan, r request) bool {
	chosen := r.Limit > 0 && result.Rows >= r.Limit
	return result.Truncated && !chosen || result.SeriesLeft > 0 || len(p.unasked(result)) > 0
}

// unasked says that the statement's own limit, which nobody asked for, is
// reached: then there may be more.
func (p plan) unasked(result frames.Result) []string {
	switch {
	case result.Truncated:
		return nil // which says that already
	case p.rows > 0 && result.Rows >= p.rows:
		return []string{fmt.Sprintf("These are the first %s rows, and there may be more: where the query has no limit, that is the limit. Set one, or filter.", thousands(p.rows))}
	case p.groups > 0 && groupsOf(result) >= p.groups:
		return []string{fmt.Sprintf("These are the %s largest groups, and there may be more: where the query has no limit, that is the limit. Set one, or filter.", thousands(p.groups))}
	}
	return nil
}

// groupsOf counts the different labels of a time series, also where its rows
// are shown as a table: there they are the texts.
func groupsOf(result frames.Result) int64 {
	seen := map[string]bool{}
	for _, f := range result.Frames {
		if f.Meta.Type == data.FrameTypeTimeSeriesWide {
			for _, field := range f.Fields[1:] {
				seen[field.Labels.String()] = true
			}
			continue
		}
		for i := range f.Rows() {
			seen[textsOf(f, i)] = true
		}
	}
	return int64(len(seen))
}

// textsOf is what a row has of texts, which have no zero byte in them.
func textsOf(f *data.Frame, i int) string {
	var b strings.Builder
	for _, field := range f.Fields {
		text, ok := field.At(i).(*string)
		if !ok {
			continue
		}
		if text != nil {
			b.WriteString("=" + *text)
		}
		b.WriteByte(0)
	}
	return b.String()
}

func sentences(notices []data.Notice) string {
	out := make([]string, len(notices))
	for i, n := range notices {
		out[i] = n.Text
	}
	return strings.Join(out, " ")
}
