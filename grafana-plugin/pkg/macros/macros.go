// Package macros expands the macros of Grafana queries, $__timeFilter(column)
// and its like, in the SQL of DuckDB.
//
// Text is read the way DuckDB reads it: what looks like a macro in a string, a
// quoted identifier, a comment or a dollar-quoted text is none, and all text
// that is not a macro comes out byte for byte as it went in. Times are literals
// in UTC with microseconds; no zone of a browser, a server or a session has a
// part in them. Values of dashboard variables and of ad hoc filters are what
// people click on in logs, so hostile: they come out as literals and nothing
// else.
package macros

import (
	"fmt"
	"time"
)

// Env is what macros are expanded with: the panel that asks.
type Env struct {
	// From and To are the range of the panel, half-open: [From, To). They are
	// taken in UTC, rounded up to microseconds.
	From, To time.Time
	// Interval is Grafana's proposal for the width of a point. Where it is
	// not positive the range is divided by MaxDataPoints.
	Interval time.Duration
	// MaxDataPoints is how many points the panel can show; 0 when it is not known.
	MaxDataPoints int64
	// Variables are the values of dashboard variables by name. A variable
	// whose only value is [All] filters nothing.
	Variables map[string][]string
	// AdHoc are the ad hoc filters of the dashboard.
	AdHoc []AdHoc
	// Columns says which columns ad hoc filters can be about; those about
	// others are left out with a notice. With nil they are about any. The table
	// is the name or alias that the macro has as argument, "" if it has none.
	Columns func(table, name string) bool
	// Type returns the DuckDB type of a column that ad hoc filters are about,
	// "" when it is not known. It may be nil. Lists and maps need it.
	Type func(table, name string) string
}

// All is the value of a variable that stands for all of its values.
const All = "$__all"

// AdHoc is an ad hoc filter as the frontend sends it.
type AdHoc struct {
	Key string `json:"key"`
	// Operator is one of = != =| !=| =~ !~ < >.
	Operator string `json:"operator"`
	Value    string `json:"value"`
	// Values are those of =| and !=|.
	Values []string `json:"values,omitempty"`
}

// Expanded is a statement without macros.
type Expanded struct {
	// SQL is what the server is asked.
	SQL string
	// Fill is what the last argument of $__timeGroup asks for; nil when no
	// macro says.
	Fill *Fill
	// Bucket is the width of the time groups; 0 when there are none.
	Bucket time.Duration
	// Notices tell what people might not expect: a filter left out, for one.
	Notices []string
	// AdHoc says that the statement has a place for ad hoc filters,
	// $__adhocFilters().
	AdHoc bool

	typed *source
	marks []mark
}

// Fill says what stands in time groups that no row fell into.
type Fill struct {
	Mode FillMode
	// Value is that of [FillValue].
	Value float64
}

// FillMode is a way to fill.
type FillMode string

// The ways to fill.
const (
	FillNull     FillMode = "null"
	FillPrevious FillMode = "previous"
	FillZero     FillMode = "zero"
	FillValue    FillMode = "value"
)

// Error says what is wrong with a macro, and what to write.
type Error struct {
	// Line and Column are the place in the text as typed, from 1; EndColumn is
	// the first column behind it, in the same line. Columns count characters
	// (Unicode code points).
	Line, Column, EndColumn int
	Message                 string
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Macro describes a macro for people.
type Macro struct {
	Name      string `json:"name"`
	Signature string `json:"signature"`
	// Doc is in Markdown, a paragraph.
	Doc string `json:"doc"`
	// Example is a call, and Expands what becomes of it.
	Example string `json:"example"`
	Expands string `json:"expands"`
}
