// Package action has the Flight actions of kmstrail itself, beside those of
// Flight SQL: their names, and what is sent. Bodies are JSON.
package action

import (
	"errors"
	"time"
)

// Names of the actions.
const (
	// NamedQueries takes nothing and answers with a [List].
	NamedQueries = "kmstrail.NamedQueries"
	// BindNamedQuery takes a [Bind] and answers with a [Bound].
	BindNamedQuery = "kmstrail.BindNamedQuery"
)

// List is all named queries, by id.
type List struct {
	Queries []NamedQuery `json:"queries"`
}

// NamedQuery is a ready-made question.
type NamedQuery struct {
	ID          string `json:"id"`
	Title       string `json:"title"`
	Description string `json:"description"`
	// Grain says what one row is.
	Grain string `json:"grain"`
	// Params are in the order of their names.
	Params  []Param  `json:"params"`
	Columns []Column `json:"columns"`
}

// Param is a parameter of a named query.
type Param struct {
	Name string `json:"name"`
	// Type is integer, double, varchar, boolean, timestamp (UTC) or days.
	Type string `json:"type"`
	// Default is the value where none is given; nil for NULL.
	Default *string `json:"default"`
	Doc     string  `json:"doc"`
	// Required parameters have no default.
	Required bool `json:"required,omitempty"`
}

// Column is a column of the result.
type Column struct {
	Name string `json:"name"`
	// Type as DuckDB spells it.
	Type string `json:"type"`
	Doc  string `json:"doc"`
}

// Bind asks for the SQL of a named query.
type Bind struct {
	ID string `json:"id"`
	// Params are the parameters as text; the others have their defaults.
	Params map[string]string `json:"params,omitempty"`
	// From and To are the window [From, To) of events.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Bound is a statement that runs as it is: values are literals in it.
type Bound struct {
	SQL string `json:"sql"`
}

// ErrUnknown says that there is no named query of that id.
var ErrUnknown = errors.New("no such named query")
