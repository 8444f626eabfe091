package schema

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"slices"
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
func Migrations() []Migration {
	return []Migration{{
		To:  2,
		Doc: "What compaction has put together becomes the sums of a rollup. Nothing is computed again: the definitions are as before.",
		SQL: slices.Concat(
			sumsApart("usage_hourly"), sumsApart("usage_daily"), sumsApart("log_file_days"), sumsApart("arrivals"),
			keptAs("key_change_records", "d3d27b2d87fd0f7947f958f55d78ca70095fc09158a6420921a4231f85599569", "304174f12cae0af2369ae42808a04f22d1c81479d493abba6df7803a11423648"),
			keptAs("usage_hourly", "934d3b823ab9e27e7ee10776b63a2725a717aefacd4f8dc493711329107a4d57", "cd1a421b51eed77fdc11f7d35b19ceba2e37d91078252b5f7d810301598dd73f"),
			keptAs("usage_daily", "4f8b9e981b100c2013d91ff97c7497048cdc0f7427772bb6846fa51acfddae78", "73f8d5cc0405ed6fb221b220077f9eb5f1ec4594b8021655e1cc39325779141a"),
			keptAs("log_file_days", "039795058674947aad2df3d195359127bf924e4729c1a615e4fdef62507814d5", "9ded6a60add17b6ac2404fa73f8a971b9c3939cb0b43a0abb4fea1071aab7625"),
			keptAs("arrivals", "0a288c6327afe314eafb708e53ece506a1ef4f5425560338561abdf8ff8d9780", "5d4906398a3a687cf3d8c6839805e7c175cc8958825574830635ec86a9987b87"),
			keptAs("request_seconds", "c80a3bc465e627c25ab77f5c10ebef3938548ace6f99bd2533cc5fe017d99844", "8c94ee95bb249bd9fb4e19fd303ae9463f1de0be876a2987f9b56af296280517"),
			keptAs("request_rate", "3e612c9588b2c7e30ab6c5a5e696e012fb5e1b622515d7beba520454a58dc4e2", "2eb4d0e5f352397e8fe34458d116906f56f50c7069f2eeb0bb8d1153a4ec3312"),
		),
	}}
}

// sumsApart moves what compaction put together (commit 0) out of the parts. The
// table is made anew because so many rows are dear to delete.
func sumsApart(rollup string) []string {
	parts, rest := rollup+"_parts", rollup+"_rest"
	return []string{
		"INSERT INTO main." + rollup + "_sums BY NAME SELECT * EXCLUDE commit_id FROM main." + parts + " WHERE commit_id = 0",
		"CREATE TABLE main." + rest + " AS FROM main." + parts + " WHERE commit_id <> 0",
		"DROP TABLE main." + parts,
		"CREATE TABLE main." + parts + " AS FROM main." + rest,
		"DROP TABLE main." + rest,
	}
}

// keptAs renames the definition that a kept table follows from: only how it is
// hashed has changed.
func keptAs(name, old, now string) []string {
	return []string{"UPDATE main.meta SET value = '" + now + "' WHERE name = 'kept:" + name + "' AND value = '" + old + "'"}
}

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
	text := v.SQL + v.plain + v.ReadSQL()
	if v.Kept != nil {
		for _, t := range v.KeptTables() {
			text += t.CreateSQL() + ";\n"
		}
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// KeptHash is a hash over everything that the kept rows of v follow from, the
// views it is made of among it, and not over where they are kept. A file that
// has another is to be rebuilt.
func (v *View) KeptHash() string {
	t := Table{Name: v.Name, Columns: v.Columns}
	h := sha256.New()
	h.Write([]byte(t.CreateSQL() + v.Definition(map[string]string{KMSEvents.Name: KMSEvents.Name, LogFiles.Name: LogFiles.Name})))
	return hex.EncodeToString(h.Sum(nil))
}
