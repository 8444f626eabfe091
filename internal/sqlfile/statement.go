package sqlfile

import "slices"

// Statement is a query that is ready to run.
type Statement struct {
	// SQL has a ? for each of Args: string, int64, float64, bool, time.Time or
	// nil.
	SQL  string
	Args []any
	// Events bounds the events that the result can depend on, besides those that
	// change keys, grants and tags; zero when all may matter. An engine may read
	// no others.
	Events Window
}

// allTime are the views that say something about all events, whatever window a
// query has.
var allTime = []string{"keys", "key_use", "coverage", "arrivals", "log_file_days"}

// events is the window that a query with these parameters looks at: its own,
// and the days before it that parameters of type days add.
func (f *File) events(values map[string]any, p Params, w Window) Window {
	for _, t := range f.tokens {
		if t.Kind == Word && slices.Contains(allTime, t.Text) {
			return Window{}
		}
	}
	back := 0
	for name, def := range p {
		if days, ok := values[name].(int64); ok && def.Type == "days" {
			back = max(back, int(days))
		}
	}
	return Window{Start: w.Start.UTC().AddDate(0, 0, -back), End: w.End.UTC()}
}
