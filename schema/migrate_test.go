package schema

import (
	"fmt"
	"strings"
	"testing"
)

// layouts ties every version to the tables it has. A change of a table after a
// release needs a new Version (and a Migration, when old rows need one); a line
// that was released never changes.
var layouts = map[int]string{
	1: "ce04d77b738da137d878afe6aa5db9e82874ff9e1ce49b6e1764b3392ca0ea03",
	2: "ce04d77b738da137d878afe6aa5db9e82874ff9e1ce49b6e1764b3392ca0ea03",
	3: "ce04d77b738da137d878afe6aa5db9e82874ff9e1ce49b6e1764b3392ca0ea03",
	4: "396c9985a97bfd5e6a9799d1faf15f865525f448afb11a9ddda62a2d9ac7a124",
	5: "562d3f96f5ab49d4ad9b26aa95c7e9264c04e0a45efb5b853a3571c6a4655a97",
}

func TestVersionNamesTheTables(t *testing.T) {
	if got := TablesHash(); layouts[Version] != got {
		t.Errorf("the tables are not those of version %d: hash %s, want %s\nBefore the first release put the new hash here; after it raise schema.Version and add a line.",
			Version, got, layouts[Version])
	}
	if len(layouts) != Version {
		t.Errorf("%d layouts for version %d", len(layouts), Version)
	}
}

func TestMigrationsAscend(t *testing.T) {
	last := 1
	for _, m := range Migrations() {
		if m.To <= last || m.To > Version {
			t.Errorf("migration to %d follows %d; the newest version is %d", m.To, last, Version)
		}
		if m.Doc == "" || len(m.SQL) == 0 {
			t.Errorf("migration to %d has no doc or no statement", m.To)
		}
		for _, sql := range m.SQL {
			if strings.Contains(strings.ToLower(sql), "update kms_events") {
				t.Errorf("migration to %d rewrites events", m.To)
			}
		}
		last = m.To
	}
}

func TestMacrosAreOneStatementEach(t *testing.T) {
	for i, m := range Macros() {
		if !strings.HasPrefix(m, "CREATE OR REPLACE MACRO ") {
			t.Errorf("statement %d of macros.sql: %s", i, m)
		}
	}
}

func TestRowsRefuses(t *testing.T) {
	for _, tt := range []struct {
		row  []any
		want string
	}{
		{[]any{"a"}, "row 0 has 1 values"},
		{[]any{nil, nil, nil}, "column account_id: NULL is not allowed"},
		{[]any{1, nil, nil}, "column account_id: is a int, want a string"},
	} {
		_, err := Rows(&Accounts, [][]any{tt.row})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.row, err, tt.want)
		}
	}
}

func TestRowsBuildsEveryType(t *testing.T) {
	rec, err := Rows(&Accounts, [][]any{{"111122223333", "example", nil}, {"444455556666", nil, ""}})
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	if got, want := fmt.Sprint(rec.Column(1)), `["example" (null)]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
