package trino

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// linesBefore is how many lines stand before the statement in what is sent with
// parameters. The statement begins in the first column of a line because Trino
// counts from there: all of its errors' places then differ by these lines.
const linesBefore = 1

// statement returns what is sent for sql with these parameters, and how many
// lines of it stand before sql.
func statement(sql string, args []any) (text string, before int, err error) {
	if !utf8.ValidString(sql) {
		return "", 0, errors.New("the statement is not UTF-8")
	}
	if len(args) == 0 {
		return sql, 0, nil
	}
	var b strings.Builder
	b.Grow(len(sql) + 1024)
	b.WriteString("EXECUTE IMMEDIATE\n")
	writeString(&b, sql)
	for i, arg := range args {
		if i == 0 {
			b.WriteString("\nUSING ")
		} else {
			b.WriteString(", ")
		}
		if err := writeLiteral(&b, arg); err != nil {
			return "", 0, fmt.Errorf("bind parameter %d: %w", i+1, err)
		}
	}
	return b.String(), linesBefore, nil
}

// writeLiteral writes a value of the type that DuckDB would be given.
func writeLiteral(b *strings.Builder, arg any) error {
	switch v := arg.(type) {
	case nil:
		b.WriteString("NULL")
	case string:
		return writeText(b, v)
	case int:
		writeInteger(b, int64(v))
	case int64:
		writeInteger(b, v)
	case float64:
		b.WriteString("DOUBLE '" + formatDouble(v) + "'")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case time.Time:
		return writeTimestamp(b, v)
	case []string:
		return writeStrings(b, v)
	default:
		return fmt.Errorf("a %T cannot be a parameter", arg)
	}
	return nil
}

func writeText(b *strings.Builder, s string) error {
	if !utf8.ValidString(s) {
		return errors.New("the string is not UTF-8, which Trino would change")
	}
	writeString(b, s)
	return nil
}

// writeString writes a string literal. Nothing but the quote has a meaning in one.
func writeString(b *strings.Builder, s string) {
	b.WriteByte('\'')
	b.WriteString(strings.ReplaceAll(s, "'", "''"))
	b.WriteByte('\'')
}

// writeInteger writes a BIGINT: a bare number would be an INTEGER if it is small.
func writeInteger(b *strings.Builder, v int64) {
	b.WriteString("BIGINT '" + strconv.FormatInt(v, 10) + "'")
}

func formatDouble(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(v, 'e', -1, 64)
}

func writeTimestamp(b *strings.Builder, v time.Time) error {
	v = time.UnixMicro(v.UnixMicro()).UTC()
	if v.Year() < 0 || v.Year() > 9999 {
		return fmt.Errorf("the year %d is not between 0 and 9999", v.Year())
	}
	b.WriteString("TIMESTAMP '" + v.Format("2006-01-02 15:04:05.000000") + "'")
	return nil
}

func writeStrings(b *strings.Builder, list []string) error {
	b.WriteString("CAST(ARRAY[")
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := writeText(b, s); err != nil {
			return err
		}
	}
	b.WriteString("] AS ARRAY(VARCHAR))")
	return nil
}
