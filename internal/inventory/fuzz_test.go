package inventory

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/schema"
)

// FuzzRead: whatever a file holds, it is refused or can be stored.
func FuzzRead(f *testing.F) {
	f.Add([]byte(ExampleJSON()), false)
	for _, kind := range FileKinds() {
		f.Add([]byte(ExampleCSV(kind)), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, isCSV bool) {
		name := filepath.Join(t.TempDir(), "a.json")
		if isCSV {
			name = filepath.Join(t.TempDir(), "a.csv")
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		records, err := Read([]string{name}, Options{Now: now})
		if err != nil {
			return
		}
		b := NewImport(records, []string{"a"}, uuid.New(), now)
		tables, err := b.Rows()
		if err != nil {
			t.Fatalf("was read, but is refused: %v", err)
		}
		for _, rows := range tables {
			rec, err := schema.Rows(rows.Table, rows.Rows)
			if err != nil {
				t.Fatal(err)
			}
			rec.Release()
		}
	})
}
