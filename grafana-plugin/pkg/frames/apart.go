package frames

import "github.com/grafana/grafana-plugin-sdk-go/data"

// Apart makes a frame of each series of a wide frame, without the times at which
// the series has no value. For alert rules: a wide frame has NULL where one series
// has a point and another none, and Grafana's strict reducers make no number of a
// NULL, so that a rule over sparse groups would never fire. Other frames are
// returned as they are.
func Apart(wide *data.Frame) data.Frames {
	if wide.Meta == nil || wide.Meta.Type != data.FrameTypeTimeSeriesWide {
		return data.Frames{wide}
	}
	times := wide.Fields[0]
	var out data.Frames
	for _, values := range wide.Fields[1:] {
		at := data.NewFieldFromFieldType(times.Type(), 0)
		some := data.NewFieldFromFieldType(values.Type(), 0)
		at.Name, at.Config = times.Name, times.Config
		some.Name, some.Config, some.Labels = values.Name, values.Config, values.Labels
		for i := range values.Len() {
			if !values.NilAt(i) {
				at.Append(times.At(i))
				some.Append(values.At(i))
			}
		}
		f := data.NewFrame(wide.Name, at, some)
		f.RefID = wide.RefID
		meta := *wide.Meta
		meta.Type = data.FrameTypeTimeSeriesMulti
		if len(out) > 0 {
			meta.Notices = nil
		}
		f.Meta = &meta
		out = append(out, f)
	}
	return out
}
