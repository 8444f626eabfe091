package detectors_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/kmstrail/kmstrail/detectors"
	"github.com/kmstrail/kmstrail/internal/golden"
)

// TestLint changes testdata/first_decrypt in one place for each fixture in
// testdata/lint and wants the messages in the fixture, and no others. With
// -update it writes them.
func TestLint(t *testing.T) {
	fixtures, err := filepath.Glob("testdata/lint/*.txtar")
	if err != nil || len(fixtures) == 0 {
		t.Fatal("no fixtures", err)
	}
	opts := detectors.LintOptions{Describe: describe(t), Queries: queryIDs(t)}
	for _, path := range fixtures {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, p := range detectors.Lint(t.Context(), changed(t, archive), opts) {
				got.WriteString(p.String() + "\n")
			}
			i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
			if i < 0 {
				t.Fatal("the fixture has no section want")
			}
			want := string(archive.Files[i].Data)
			if got.String() == want {
				return
			}
			if !golden.Updating() {
				t.Fatalf("got\n%swant\n%s", &got, want)
			}
			archive.Files[i].Data = []byte(got.String())
			if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// changed returns the linter's detector with the change of a fixture: sections
// from and to, each line behind a bar, in the file that section file names.
func changed(t *testing.T, fixture *txtar.Archive) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range []string{"first_decrypt.sql", "first_decrypt.txtar"} {
		src, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: src}
	}
	sections := map[string]string{"file": "sql\n"}
	for _, f := range fixture.Files {
		sections[f.Name] = string(f.Data)
	}
	if _, ok := sections["delete"]; ok {
		delete(files, "first_decrypt.txtar")
		return files
	}
	from, ok := sections["from"]
	if !ok {
		return files
	}
	name := "first_decrypt." + strings.TrimSpace(sections["file"])
	src := string(files[name].Data)
	if strings.Count(src, barred(from)) == 0 {
		t.Fatalf("%s does not hold what the fixture replaces:\n%s", name, barred(from))
	}
	files[name].Data = []byte(strings.Replace(src, barred(from), barred(sections["to"]), 1))
	return files
}

// barred takes the bars away, and the last end of line.
func barred(section string) string {
	var b strings.Builder
	for line := range strings.Lines(section) {
		b.WriteString(strings.TrimPrefix(line, "|"))
	}
	return strings.TrimSuffix(b.String(), "\n")
}
