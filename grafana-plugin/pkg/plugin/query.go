package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/builder"
	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/frames"
	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/macros"
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

var formats = []frames.Format{frames.FormatAuto, frames.FormatTimeSeries, frames.FormatTable, frames.FormatLogs, frames.FormatAnnotations}

// The ways to fill time buckets without rows, where the query does not say it
// itself ($__timeGroup).
var fills = []frames.FillMode{frames.FillNone, frames.FillNull, frames.FillZero, frames.FillPrevious}

// Query is one query as dashboards, alert rules and Explore keep it. The type
// KmsQuery of src/types.ts is the same.
type Query struct {
	Kind      Kind               `json:"kind"`
	Format    frames.Format      `json:"format,omitempty"`  // "" is auto
	SQL       string             `json:"sql,omitempty"`     // of KindSQL, with macros
	Builder   *builder.Builder   `json:"builder,omitempty"` // of KindBuilder
	Named     *Named             `json:"named,omitempty"`
	Findings  *builder.Findings  `json:"findings,omitempty"`
	Lifecycle *builder.Lifecycle `json:"lifecycle,omitempty"`
	// Fill is none, null, zero or previous; "" is none.
	Fill frames.FillMode `json:"fill,omitempty"`
	// Legend names series: {{column}} stands for a label's value.
	Legend string `json:"legend,omitempty"`
	// Limit is how many rows are taken at most; 0 is what the datasource allows.
	Limit int64 `json:"limit,omitempty"`

	// AdHoc and Variables come with each request and are never kept.

	// AdHoc are the dashboard's filters.
	AdHoc []macros.AdHoc `json:"adhoc,omitempty"`
	// Variables has the values of dashboard variables by name; the only value
	// $__all stands for all of them.
	Variables map[string][]string `json:"variables,omitempty"`
}

// Named asks one of the server's named queries. The range of the panel is its
// window.
type Named struct {
	ID string `json:"id"`
	// Params are values as text; an absent or empty one is the default, and so is
	// $name where that dashboard variable is not there or stands for all.
	Params map[string]string `json:"params,omitempty"`
}

// ParseQuery reads a query as Grafana sends it: with members of Grafana's own,
// which are ignored. Errors say what is wrong in the terms of the editor.
func ParseQuery(raw []byte) (Query, error) {
	var q Query
	if err := json.Unmarshal(raw, &q); err != nil {
		return Query{}, fmt.Errorf("read query: %w", err)
	}
	if q.Format == "" {
		q.Format = frames.FormatAuto
	}
	if q.Fill == "" {
		q.Fill = frames.FillNone
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
