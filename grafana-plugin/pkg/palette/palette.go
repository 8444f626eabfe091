// Package palette has the colours of values that stand on their colour, as pills in
// tables do. Grafana writes on it in black or white, by how bright it is; by name it
// would take shades on which neither is read well, others in each theme.
package palette

// What they mean is the same everywhere: red to act, orange to look, green proven
// fine, blue and gray nothing to say.
const (
	DeepRed = "#9C0A1F"
	Red     = "#D62C3F"
	Orange  = "#FFB357"
	Yellow  = "#FADE2A"
	Green   = "#2F7A26"
	Blue    = "#1F60C4"
	Gray    = "#6E6E78"
)

// All lists them.
func All() []string { return []string{DeepRed, Red, Orange, Yellow, Green, Blue, Gray} }
