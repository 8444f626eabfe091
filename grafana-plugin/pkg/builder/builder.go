// Package builder writes the SQL of the queries that people click together: a
// table, metrics over time, filters. What comes out has macros in it (see
// package macros), is laid out for people to read and edit, and is the same for
// the same input.
//
// testdata/NAME.json are queries as dashboards save them, with variables and ad
// hoc filters as the frontend sends them, and testdata/NAME.sql is what this
// package writes for each. They are for tests elsewhere too: on a store with the
// sample data every one of them runs and returns rows for October 2026.
package builder

import (
	"fmt"
	"time"
)

// Builder is what was clicked together, as dashboards save it. GroupBy, Columns
// and columns of filters and metrics are names, or encryption_context['aws:s3:arn']
// for one key of a map.
type Builder struct {
	Table string `json:"table"`
	// Time groups by time where it is not nil.
	Time    *Time    `json:"time,omitempty"`
	Metrics []Metric `json:"metrics,omitempty"`
	GroupBy []string `json:"groupBy,omitempty"`
	// Columns are those of plain rows, without metrics; none means all.
	Columns []string `json:"columns,omitempty"`
	Filters []Filter `json:"filters,omitempty"`
	OrderBy []Order  `json:"orderBy,omitempty"`
	// Limit is the number of rows at most, of a time series the number of
	// groups; 0 for what the package says.
	Limit int64 `json:"limit,omitempty"`
}

// Time says by which time, and how wide the groups are.
type Time struct {
	// Column is the table's time column where it is empty.
	Column string `json:"column,omitempty"`
	// Bucket is auto or a width such as 5m; auto where it is empty.
	Bucket string `json:"bucket,omitempty"`
}

// Metric is a number of each group.
type Metric struct {
	// Aggregate is one of sum, count, count_distinct, min, max, avg, p50, p95
	// and p99.
	Aggregate string `json:"aggregate"`
	Column    string `json:"column,omitempty"`
	Alias     string `json:"alias,omitempty"`
}

// Filter is a condition on the rows.
type Filter struct {
	Column string `json:"column"`
	// Operator is one of =, !=, in, not in, like, not like, <, <=, >, >=,
	// is null, is not null, =~ and !~.
	Operator string `json:"operator"`
	// Values are texts. $name and ${name} stand for the values of a variable.
	Values []string `json:"values,omitempty"`
}

// Order is a column of the result to order by.
type Order struct {
	Column     string `json:"column"`
	Descending bool   `json:"descending,omitempty"`
}

// Table is what the builder has to know of a table.
type Table struct {
	Name string
	// TimeColumn is the column that the range of a panel is about, "" when
	// there is none.
	TimeColumn string
	// EndColumn is until when a row lasts, "" when it does not.
	EndColumn string
	// Grain is how much time a row stands for; 0 when it is a moment. A month
	// counts as [Month].
	Grain   time.Duration
	Columns []Column

	// sum is the column that says how much a row stands for, "" when a row is
	// one thing; rows is what a count of rows is called.
	sum, rows string
}

// Month is the grain of tables with a row per month.
const Month = 28 * 24 * time.Hour

// Column is a column with its DuckDB type.
type Column struct {
	Name, Type string
}

// Findings asks for findings. Lists may hold variables as filters do; an empty
// list filters nothing.
type Findings struct {
	Severities []string `json:"severities,omitempty"`
	Statuses   []string `json:"statuses,omitempty"`
	Detectors  []string `json:"detectors,omitempty"`
	Accounts   []string `json:"accounts,omitempty"`
	Regions    []string `json:"regions,omitempty"`
	Keys       []string `json:"keys,omitempty"`
	Limit      int64    `json:"limit,omitempty"`
}

// Lifecycle asks for changes of keys.
type Lifecycle struct {
	Keys     []string `json:"keys,omitempty"`
	Accounts []string `json:"accounts,omitempty"`
	// Kinds are event names: CreateKey, ScheduleKeyDeletion, …
	Kinds []string `json:"kinds,omitempty"`
}

// Error says which field of the builder is wrong, and why.
type Error struct {
	// Field is the place in the JSON, such as filters[1].operator.
	Field   string
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Message) }
