package frames

import (
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

func TestApart(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	one, two := 1.0, 2.0
	wide := data.NewFrame("",
		data.NewField("time", nil, []time.Time{day(1), day(2), day(3)}),
		data.NewField("calls", data.Labels{"event_name": "Decrypt"}, []*float64{&one, nil, &two}),
		data.NewField("calls", data.Labels{"event_name": "Encrypt"}, []*float64{nil, nil, nil}),
	)
	wide.RefID = "A"
	wide.Meta = &data.FrameMeta{Type: data.FrameTypeTimeSeriesWide, ExecutedQueryString: "SELECT", Notices: []data.Notice{{Text: "once"}}}
	got := Apart(wide)
	if len(got) != 2 || got[0].Rows() != 2 || got[1].Rows() != 0 {
		t.Fatalf("got %d frames: %v", len(got), got)
	}
	if at := got[0].Fields[0].At(1); at != day(3) {
		t.Errorf("the second point is at %v", at)
	}
	for i, f := range got {
		if f.RefID != "A" || f.Meta.Type != data.FrameTypeTimeSeriesMulti || f.Meta.ExecutedQueryString != "SELECT" || len(f.Meta.Notices) != 1-i {
			t.Errorf("frame %d: %+v", i, f.Meta)
		}
		if got, want := f.Fields[1].Labels.String(), wide.Fields[i+1].Labels.String(); got != want {
			t.Errorf("frame %d is of %s, want %s", i, got, want)
		}
	}
	if wide.Meta.Type != data.FrameTypeTimeSeriesWide || len(wide.Meta.Notices) != 1 {
		t.Errorf("the wide frame was changed: %+v", wide.Meta)
	}
	table := data.NewFrame("")
	if got := Apart(table); len(got) != 1 || got[0] != table {
		t.Errorf("a table became %v", got)
	}
}
