package macros

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// maxLiteral is the longest text in a statement that servers take, in bytes.
const maxLiteral = 32 << 10

// Literal returns a text as SQL has it. SQL cannot hold a NUL, so one becomes a
// call of chr. It is an error when the text is not UTF-8, which nothing in the
// store is, or longer than servers take.
func Literal(s string) (string, error) {
	switch {
	case !utf8.ValidString(s):
		return "", errors.New("a value is not UTF-8")
	case len(s) > maxLiteral:
		return "", fmt.Errorf("a value has %d KiB, and servers take %d", (len(s)+1023)>>10, maxLiteral>>10)
	}
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if !strings.Contains(s, "\x00") {
		return quoted, nil
	}
	return "(" + strings.ReplaceAll(quoted, "\x00", "' || chr(0) || '") + ")", nil
}

// plain are names that mean themselves without quotes, reserved ones left out.
var plain = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// Identifier returns a name as SQL has it, in quotes where it needs them. A name
// with a NUL or without a character is none in DuckDB; what it becomes is one
// that no table has.
func Identifier(name string) string {
	if plain.MatchString(name) && !reserved[name] {
		return name
	}
	if name == "" {
		name = " "
	}
	name = strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", "\ufffd"), "\ufffd")
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// reserved are the words that DuckDB does not take, or not everywhere, for the
// name of a column.
var reserved = func() map[string]bool {
	out := make(map[string]bool)
	for w := range strings.FieldsSeq(`
		all analyse analyze and anti any array as asc asof asymmetric at authorization between bigint binary bit
		boolean both by case cast char character check coalesce collate collation column columns concurrently
		constraint create cross dec decimal default deferrable desc describe distinct do else end except exists
		extract false fetch float for foreign freeze from full generated glob group grouping grouping_id having
		ilike in initially inner inout int integer intersect interval into is isnull join lambda lateral leading
		left like limit map national natural nchar none not notnull null nullif numeric offset on only or order
		out outer overlaps overlay pivot pivot_longer pivot_wider placing position positional precision primary
		qualify real references returning right row select semi setof show similar smallint some struct substring
		summarize symmetric table tablesample then time timestamp to trailing treat trim true try_cast union
		unique unpack unpivot using values varchar variadic verbose when where window with xmlattributes xmlconcat
		xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable`) {
		out[w] = true
	}
	return out
}()

// timestamp returns a moment as SQL has it, in UTC.
func timestamp(t time.Time) string {
	return "TIMESTAMP '" + t.UTC().Format("2006-01-02 15:04:05.999999") + "'"
}

// date returns the day of a moment as SQL has it, in UTC.
func date(t time.Time) string {
	return "DATE '" + t.UTC().Format("2006-01-02") + "'"
}

// length returns a length of time as SQL has it.
func length(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("INTERVAL '%d seconds'", d/time.Second)
	}
	return fmt.Sprintf("INTERVAL '%d milliseconds'", d.Milliseconds())
}
