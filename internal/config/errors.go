package config

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with the configuration.
type Problem struct {
	// Where is file:line, a variable or a flag.
	Where string
	// Text says what is wrong and what to do.
	Text string
}

func (p Problem) String() string { return p.Where + ": " + p.Text }

// Error lists everything wrong with a configuration.
type Error struct{ Problems []Problem }

// Error returns one problem a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func (e *Error) add(where, format string, args ...any) {
	e.Problems = append(e.Problems, Problem{where, fmt.Sprintf(format, args...)})
}

func (e *Error) orNil() error {
	if len(e.Problems) == 0 {
		return nil
	}
	return e
}
