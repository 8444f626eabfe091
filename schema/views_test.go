package schema

import (
	"slices"
	"strings"
	"testing"
)

func TestViews_areDocumented(t *testing.T) {
	views := Views()
	for dir, kept := range map[string]bool{"sql/views": false, "sql/kept": true} {
		files, err := viewFiles.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, v := range views {
			if (v.Kept != nil) == kept {
				n++
			}
		}
		if len(files) != n {
			t.Errorf("%d files in %s, %d views: each file must be in viewOrder, those in sql/kept say how they are kept", len(files), dir, n)
		}
	}
	own, err := viewFiles.ReadDir("sql/duckdb")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range own {
		if v := viewNamed(views, strings.TrimSuffix(f.Name(), ".sql")); v == nil || v.Kept != nil {
			t.Errorf("sql/duckdb/%s belongs to no view, or to one that is kept", f.Name())
		}
	}
	for _, v := range views {
		if !strings.HasSuffix(v.Doc, ".") {
			t.Errorf("doc of view %s is no sentence: %q", v.Name, v.Doc)
		}
		seen := map[string]bool{}
		for _, c := range v.Columns {
			if seen[c.Name] || !strings.HasSuffix(strings.ReplaceAll(c.Doc, "…", "."), ".") {
				t.Errorf("view %s: column %s occurs twice, or its doc is no sentence: %q", v.Name, c.Name, c.Doc)
			}
			seen[c.Name] = true
		}
	}
}

func TestWithoutNullFilters(t *testing.T) {
	for sql, want := range map[string]string{
		"min_by(a, b) filter (where a is not null) as a":                                       "min_by(a, b) as a",
		"max_by(a, b) filter (where a is not null), min_by(c, d) filter (where c is not null)": "max_by(a, b), min_by(c, d)",
		"min_by(a, b) filter (where b is not null)":                                            "min_by(a, b) filter (where b is not null)",
		"min_by(a, b) filter (where a is not null and b = 1)":                                  "min_by(a, b) filter (where a is not null and b = 1)",
		"array_agg(a order by b) filter (where a is not null)":                                 "array_agg(a order by b) filter (where a is not null)",
	} {
		if got := withoutNullFilters(sql); got != want {
			t.Errorf("%s became %s, want %s", sql, got, want)
		}
	}
	if i := slices.IndexFunc(Views(), func(v View) bool { return v.Name == "kms_calls" }); strings.Contains(allViews()[i].ReadSQL(), "filter (") {
		t.Error("the store's kms_calls has filters")
	}
}

func TestParseView_errors(t *testing.T) {
	for want, src := range map[string]string{
		"no empty line between header and query": "-- v: Doc.\nselect 1",
		`header line "x" is no comment`:          "-- v: Doc.\nx\n\nselect 1",
		`header line "a" is not "name: text"`:    "-- v: Doc.\n-- a\n\nselect 1",
		`header names "w"`:                       "-- w: Doc.\n\nselect 1",
		`column a has the unknown type "TEXT"`:   "-- v: Doc.\n-- a TEXT: A.\n\nselect 1",
		"no columns or no query":                 "-- v: Doc.\n\nselect 1",
	} {
		if _, err := parseView("v", src); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	seen := map[string]bool{}
	last := ""
	for _, row := range DefaultQuotas() {
		if len(row) != len(Quotas.Columns) {
			t.Fatalf("quota row %v has not the columns of the table", row)
		}
		region, _ := row[2].(string)
		key := row[0].(string) + "\x00" + region
		if seen[key] || key < last || row[1] != nil || row[3].(float64) <= 0 {
			t.Errorf("quota row %v is repeated, out of order, or not positive", row)
		}
		seen[key], last = true, key
	}
	for _, quota := range []string{"cryptographic_symmetric\x00", "cryptographic_symmetric\x00us-east-1", "create_grant\x00"} {
		if !seen[quota] {
			t.Errorf("no default for %q", quota)
		}
	}
	for _, row := range DefaultPrices() {
		if len(row) != len(Prices.Columns) {
			t.Errorf("price row %v has not the columns of the table", row)
		}
	}
	for name, rows := range map[*Table][][]any{&Quotas: DefaultQuotas(), &Prices: DefaultPrices()} {
		rec, err := Rows(name, rows)
		if err != nil {
			t.Fatal(err)
		}
		rec.Release()
	}
}
