package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind says how a query is written.
type Kind string

// The kinds of queries.
const (
	// KindBuilder is put together in the editor: Query.Builder.
	KindBuilder Kind = "builder"
	// KindSQL is typed: Query.SQL, with macros.
	KindSQL Kind = "sql"
	// KindNamed is one of the server's named queries: Query.Named.
	KindNamed Kind = "named"
	// KindFindings is what the detectors found: Query.Findings.
	KindFindings Kind = "findings"
	// KindLifecycle is what was changed about keys: Query.Lifecycle.
	KindLifecycle Kind = "lifecycle"
)

var kinds = []Kind{KindBuilder, KindSQL, KindNamed, KindFindings, KindLifecycle}

// Format says what a result becomes.
type Format string

// The formats of results.
const (
	// FormatAuto is a time series where the query groups by time, else a table.
	FormatAuto        Format = "auto"
	FormatTimeSeries  Format = "time_series"
	FormatTable       Format = "table"
	FormatLogs        Format = "logs"
	FormatAnnotations Format = "annotations"
)

var formats = []Format{FormatAuto, FormatTimeSeries, FormatTable, FormatLogs, FormatAnnotations}

// The ways to fill time buckets without rows, where the query does not say it
// itself ($__timeGroup).
var fills = []string{"none", "null", "zero", "previous"}

// Query is one query as dashboards, alert rules and Explore keep it. The type
// KmsQuery of src/types.ts is the same.
type Query struct {
	Kind      Kind            `json:"kind"`
	Format    Format          `json:"format,omitempty"`  // "" is FormatAuto
	SQL       string          `json:"sql,omitempty"`     // of KindSQL, with macros
	Builder   json.RawMessage `json:"builder,omitempty"` // of KindBuilder
	Named     *Named          `json:"named,omitempty"`
	Findings  *Findings       `json:"findings,omitempty"`
	Lifecycle *Lifecycle      `json:"lifecycle,omitempty"`
	// Fill is none, null, zero or previous; "" is none.
	Fill string `json:"fill,omitempty"`
	// Legend names series: {{column}} stands for a label's value.
	Legend string `json:"legend,omitempty"`
	// Limit is how many rows are taken at most; 0 is what the datasource allows.
	Limit int64 `json:"limit,omitempty"`

	// AdHoc and Variables come with each request and are never kept.

	// AdHoc are the dashboard's filters.
	AdHoc []AdHoc `json:"adhoc,omitempty"`
	// Variables has the values of dashboard variables by name; the only value
	// $__all stands for all of them.
	Variables map[string][]string `json:"variables,omitempty"`
}

// Named asks one of the server's named queries. The range of the panel is its
// window.
type Named struct {
	ID string `json:"id"`
	// Params are values as text; an absent or empty one is the default.
	Params map[string]string `json:"params,omitempty"`
}

// Findings selects findings that the events of the range support. An empty list
// selects everything; an entry $name is a variable.
type Findings struct {
	Severities []string `json:"severities,omitempty"`
	Statuses   []string `json:"statuses,omitempty"`
	Detectors  []string `json:"detectors,omitempty"`
	Accounts   []string `json:"accounts,omitempty"`
	Regions    []string `json:"regions,omitempty"`
	Keys       []string `json:"keys,omitempty"`
	Limit      int64    `json:"limit,omitempty"`
}

// Lifecycle selects changes of keys (key_changes) in the range. An empty list
// selects everything; an entry $name is a variable.
type Lifecycle struct {
	Keys     []string `json:"keys,omitempty"`
	Accounts []string `json:"accounts,omitempty"`
	// Kinds are those of LifecycleKinds.
	Kinds []string `json:"kinds,omitempty"`
}

// LifecycleKinds are the kinds of changes by which lifecycle queries select, with
// the operations and service events of each.
var LifecycleKinds = map[string][]string{
	"creation": {"CreateKey", "ReplicateKey"},
	"deletion": {"ScheduleKeyDeletion", "CancelKeyDeletion", "DeleteKey"},
	"state":    {"EnableKey", "DisableKey"},
	"material": {"ImportKeyMaterial", "DeleteImportedKeyMaterial", "DeleteExpiredKeyMaterial"},
	"rotation": {"EnableKeyRotation", "DisableKeyRotation"},
	"policy":   {"PutKeyPolicy"},
	"alias":    {"CreateAlias", "UpdateAlias", "DeleteAlias"},
	"tag":      {"TagResource", "UntagResource"},
}

// AdHoc is one filter of the dashboard.
type AdHoc struct {
	Key      string   `json:"key"`
	Operator string   `json:"operator"` // =, !=, =|, !=|, =~, !~, < or >
	Value    string   `json:"value"`
	Values   []string `json:"values,omitempty"` // of =| and !=|
}

// ParseQuery reads a query as Grafana sends it: with members of Grafana's own,
// which are ignored. Errors say what is wrong in the terms of the editor.
func ParseQuery(raw []byte) (Query, error) {
	var q Query
	d := json.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&q); err != nil {
		return Query{}, fmt.Errorf("read query: %w", err)
	}
	if q.Format == "" {
		q.Format = FormatAuto
	}
	if q.Fill == "" {
		q.Fill = "none"
	}
	return q, q.validate()
}

func (q Query) validate() error {
	switch {
	case !slices.Contains(formats, q.Format):
		return fmt.Errorf("the query has the unknown format %q; there are %s", q.Format, list(formats))
	case !slices.Contains(fills, q.Fill):
		return fmt.Errorf("the query has the unknown fill %q; there are %s", q.Fill, list(fills))
	case q.Limit < 0:
		return errors.New("the limit of a query cannot be negative")
	}
	switch q.Kind {
	case KindSQL:
		if strings.TrimSpace(q.SQL) == "" {
			return errors.New("the query is empty: type SQL, or start from a template")
		}
	case KindBuilder:
		if q.Builder == nil {
			return errors.New("the query is empty: choose a table in the builder")
		}
	case KindNamed:
		if q.Named == nil || q.Named.ID == "" {
			return errors.New("the query is empty: choose a named query")
		}
	case KindFindings, KindLifecycle:
	default:
		return fmt.Errorf("the query has the unknown kind %q; there are %s", q.Kind, list(kinds))
	}
	return nil
}

// list joins words for people.
func list[T ~string](words []T) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}
