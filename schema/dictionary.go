package schema

import (
	"fmt"
	"strings"
)

// DataDictionary returns a Markdown page that describes every table and view:
// what a row is, and every column with type, origin and meaning.
func DataDictionary() string {
	var b strings.Builder
	b.WriteString("# Data dictionary\n\n")
	fmt.Fprintf(&b, "Storage layout %d. All timestamps are UTC in microseconds; all windows are half-open, `[start, end)`.\n", Version)
	b.WriteString("A column may be NULL unless it says *always*. *From* names the member of the CloudTrail record; a column without one is derived.\n")

	b.WriteString("\n## Contents\n\n")
	for _, t := range Tables() {
		fmt.Fprintf(&b, "* [%s](#%s): %s\n", t.Name, t.Name, firstSentence(t.Doc))
	}
	for _, v := range Views() {
		fmt.Fprintf(&b, "* [%s](#%s) (%s): %s\n", v.Name, v.Name, v.howKept(), firstSentence(v.Doc))
	}

	b.WriteString("\n# Tables\n")
	for _, t := range Tables() {
		writeRelation(&b, t.Name, t.Doc, t.Columns)
	}
	b.WriteString("\n# Derived tables\n\nEach has one definition, a query over the tables. A view is computed each time it is read; the others are kept up to date by every commit, and `kmstrail rebuild` computes them anew. Neither is ever out of date.\n")
	for _, v := range Views() {
		writeRelation(&b, v.Name, v.Doc+" *("+v.howKept()+")*", v.Columns)
	}
	return b.String()
}

// howKept says in a word or two how the rows come about.
func (v *View) howKept() string {
	if v.Kept == nil {
		return "view"
	}
	return "kept, from " + v.Kept.Of
}

// writeRelation writes one section. The column From is left out where no
// column of the relation has an origin.
func writeRelation(b *strings.Builder, name, doc string, columns []Column) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", name, doc)
	hasSource := false
	for _, c := range columns {
		hasSource = hasSource || c.Source != ""
	}
	if hasSource {
		b.WriteString("| Column | Type | From | Meaning |\n| --- | --- | --- | --- |\n")
	} else {
		b.WriteString("| Column | Type | Meaning |\n| --- | --- | --- |\n")
	}
	for _, c := range columns {
		typ := c.Type.SQL()
		if c.NotNull {
			typ += ", always"
		}
		fmt.Fprintf(b, "| `%s` | %s |", c.Name, typ)
		if hasSource {
			fmt.Fprintf(b, " %s |", codeCell(c.Source))
		}
		fmt.Fprintf(b, " %s |\n", cell(c.Doc))
	}
}

// cell makes text safe inside a Markdown table, where * is not emphasis.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "\n", " ").Replace(s)
}

// codeCell shows alternatives "a | b" as code, one after the other.
func codeCell(source string) string {
	if source == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(source, " | ", "`, `") + "`"
}

func firstSentence(s string) string {
	if before, _, found := strings.Cut(s, ". "); found {
		return before + "."
	}
	return s
}
