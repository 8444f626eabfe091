package schema

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"strings"
)

// Meta is the table that says which layout a file has. It is not in [Tables]:
// it holds nothing that a user would ask for.
var Meta = Table{
	Name: "meta",
	Doc:  "What the program must know about the file itself.",
	Columns: []Column{
		{Name: "name", Type: Varchar, NotNull: true, Doc: "schema_version, layout_hash or created_at."},
		{Name: "value", Type: Varchar, NotNull: true, Doc: "Its value, as text."},
	},
}

// Migration changes data when a file goes from one layout to the next. New
// tables and new columns need none: the store adds them, with NULL in old rows.
// A migration never rewrites kms_events.
type Migration struct {
	// To is the version that the migration leads to.
	To int
	// Doc says what it does and why.
	Doc string
	// SQL is run in order, in the transaction of the whole migration, after
	// missing tables and columns were added.
	SQL []string
}

// Migrations lists every migration, ascending by To. Version 1 needs none.
func Migrations() []Migration { return nil }

//go:embed sql/macros.sql
var macrosSQL string

// Macros returns the statements that create the macros, in order.
func Macros() []string {
	var out []string
	for _, s := range strings.Split(stripComments(macrosSQL), ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// stripComments removes -- comments; the macros have no strings with -- or ;.
func stripComments(sql string) string {
	var b strings.Builder
	for line := range strings.Lines(sql) {
		code, _, found := strings.Cut(line, "--")
		b.WriteString(code)
		if found {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// TablesHash is a hash over the DDL of all tables. A golden test ties it to
// [Version], so that nobody changes a column without a thought for old files.
func TablesHash() string {
	h := sha256.New()
	for _, t := range Tables() {
		h.Write([]byte(t.CreateSQL() + ";\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// LayoutHash is a hash over everything that the store creates: tables, macros
// and views. A file whose hash differs gets its macros and views anew.
func LayoutHash() string {
	h := sha256.New()
	h.Write([]byte(TablesHash()))
	for _, m := range Macros() {
		h.Write([]byte(m + ";\n"))
	}
	for _, v := range Views() {
		h.Write([]byte(v.Name + "\n" + v.hash() + ";\n"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hash is a hash over what v is and how it is kept.
func (v *View) hash() string {
	text := v.SQL
	if v.Kept != nil {
		t := v.Table()
		text = t.CreateSQL() + ";\n" + v.ReadSQL() + ";\n" + v.SQL
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// KeptHash is a hash over everything that the kept rows of v follow from, the
// views it is made of among it. A file that has another is to be rebuilt.
func (v *View) KeptHash() string {
	h := sha256.New()
	h.Write([]byte(v.hash() + v.Definition(map[string]string{KMSEvents.Name: KMSEvents.Name, LogFiles.Name: LogFiles.Name})))
	return hex.EncodeToString(h.Sum(nil))
}
