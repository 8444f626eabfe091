// Package kmstrail_test holds the rules that no single package can hold: which
// way imports point, what may lie where, and that text and code agree. None of
// it links DuckDB.
package kmstrail_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

const module = "github.com/kmstrail/kmstrail"

// pkg is what go list says of a package.
type pkg struct {
	ImportPath, Doc           string
	GoFiles, CgoFiles         []string
	Imports, Deps             []string
	TestImports, XTestImports []string
}

// folder is the package's folder in the repository, "" for the root.
func (p *pkg) folder() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// packages lists this module's packages.
var packages = sync.OnceValues(func() ([]*pkg, error) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		return nil, err
	}
	tags := regexp.MustCompile(`(?m)^GOTAGS := (\S+)$`).FindSubmatch(makefile)
	if tags == nil {
		return nil, errors.New("Makefile does not set GOTAGS")
	}
	cmd := exec.Command("go", "list", "-e", "-json", "-tags="+string(tags[1]), "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var list []*pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(pkg)
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("read output of go list: %w", err)
		}
		list = append(list, p)
	}
})

func listPackages(t *testing.T) []*pkg {
	t.Helper()
	list, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 5 {
		t.Fatalf("go list found only %d packages", len(list))
	}
	return list
}

// under reports whether an import path is one of the given paths or lies below
// one. A path without a dot in its first element is a folder of this module.
func under(importPath string, paths ...string) bool {
	for _, p := range paths {
		if first, _, _ := strings.Cut(p, "/"); !strings.Contains(first, ".") {
			p = module + "/" + p
		}
		if importPath == p || strings.HasPrefix(importPath, p+"/") {
			return true
		}
	}
	return false
}

// TestImports_direct says who alone may import what, tests included.
func TestImports_direct(t *testing.T) {
	rules := []struct {
		name    string
		what    []string
		onlyBy  []string
		because string
	}{
		{
			name: "duckdb", what: []string{"github.com/duckdb"}, onlyBy: []string{"internal/duck", "bench"},
			because: "its traps are known and held in one place; the benchmark measures against it",
		},
		{
			name: "aws", what: []string{"github.com/aws"}, onlyBy: []string{"ingest/s3source", "ingest/historysource", "ingest/queuesource", "ingest/digest/awskeys", "internal/s3server", "internal/awsinventory", "bench/load"},
			because: "the ingester knows only ingest.Source",
		},
		{
			name: "s3_server", what: []string{"github.com/johannesboyne"}, onlyBy: []string{"internal/s3server"},
			because: "the loopback server can be exchanged",
		},
		{
			name: "cobra", what: []string{"github.com/spf13"}, onlyBy: []string{"cmd/kmstrail", "internal/docgen"},
			because: "no logic hangs on the command line",
		},
		{
			name: "old_names", what: []string{"github.com/marcboeker", "github.com/apache/arrow/go"}, onlyBy: nil,
			because: "both modules have successors, see docs/decisions/0002-successor-libraries.md",
		},
		{
			name: "grafana", what: []string{"github.com/grafana", "github.com/hashicorp"}, onlyBy: []string{"grafana-plugin", "bench/load"},
			because: "kmstrail itself knows nothing of Grafana; the load asks what its dashboards do",
		},
		{
			name: "commands", what: []string{"cmd", "bench"}, onlyBy: []string{"bench"},
			because: "they are the top of the graph",
		},
	}
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			for _, p := range listPackages(t) {
				if under(p.ImportPath, rule.onlyBy...) {
					continue
				}
				for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
					if under(imported, rule.what...) && !under(p.ImportPath, imported) {
						t.Errorf("%s imports %s; only %v may: %s", p.folder(), imported, rule.onlyBy, rule.because)
					}
				}
			}
		})
	}
}

// TestImports_transitive says what a package must not reach by any way, tests
// left out.
func TestImports_transitive(t *testing.T) {
	const (
		duckdb = "github.com/duckdb"
		aws    = "github.com/aws"
	)
	sources := []string{"ingest/s3source", "ingest/dirsource", "ingest/historysource", "ingest/queuesource", "ingest/digest/awskeys"}
	rules := []struct {
		name    string
		of      []string
		except  []string
		never   []string
		because string
	}{
		{
			name: "schema", of: []string{"schema"}, never: []string{module},
			because: "everything else imports it",
		},
		{
			name: "ingest", of: []string{"ingest"},
			never:   []string{duckdb, "internal/duck", "detectors", "queries", "internal/report", "internal/config"},
			because: "it writes to a Sink and knows nothing above it",
		},
		{
			name: "ingester", of: []string{"ingest"}, except: append([]string{"ingest/sourcetest"}, sources...),
			never:   append([]string{aws}, sources...),
			because: "sources are handed to it",
		},
		{
			name: "content", of: []string{"detectors", "queries"},
			never:   append([]string{duckdb, "internal/duck", aws, "internal/report", "internal/config"}, sources...),
			because: "detectors and queries do not know where rows come from",
		},
		{
			name: "store", of: []string{"internal/duck"},
			never:   append([]string{aws, "detectors", "queries", "internal/report", "internal/config"}, sources...),
			because: "data moves one way",
		},
		{
			name: "query_server", of: []string{"internal/flightsql"},
			never:   append([]string{duckdb, "internal/httpapi", "internal/operate", "internal/watch", aws}, sources...),
			because: "it serves what it is given",
		},
		{
			name: "plugin", of: []string{"grafana-plugin/pkg", "internal/flightclient"},
			never: append([]string{
				duckdb, aws, "schema", "detectors", "queries", "internal/duck", "internal/operate", "internal/config", "internal/flightsql",
			}, sources...), except: []string{"internal/flightsql/action"},
			because: "it runs wherever Grafana does, and asks a server that may be of another version",
		},
		{
			name: "access", of: []string{"internal/access", "internal/instance", "internal/metrics"},
			never:   []string{duckdb, "internal/duck", "internal/operate", "internal/flightsql", "internal/httpapi", "internal/watch", aws},
			because: "who may ask does not depend on what is asked",
		},
		{
			name: "report", of: []string{"internal/report", "internal/dossier"},
			never:   append([]string{duckdb, "internal/duck", aws}, sources...),
			because: "it reads through an interface",
		},
		{
			name: "sample_data", of: []string{"sampledata", "internal/cttest"},
			never:   []string{duckdb, "internal/duck", "ingest", "detectors"},
			because: "truth must not be computed by the code it judges",
		},
		{
			name: "binary", of: []string{"cmd/kmstrail"},
			never:   []string{"internal/golden", "internal/sqsserver", "ingest/sourcetest", "ingest/digest/digesttest", "internal/docgen", "internal/trinoserver", "internal/equivalence", "bench"},
			because: "test code does not ship",
		},
	}
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			found := false
			for _, p := range listPackages(t) {
				if !under(p.ImportPath, rule.of...) || under(p.ImportPath, rule.except...) {
					continue
				}
				found = true
				for _, dep := range p.Deps {
					if !under(dep, rule.never...) || under(dep, rule.except...) {
						continue
					}
					t.Errorf("%s reaches %s: %s", p.folder(), dep, rule.because)
				}
			}
			if !found {
				t.Errorf("no package in %v: is the rule out of date?", rule.of)
			}
		})
	}
}

// TestPackages: names say something, every package has a comment, and only
// packages made for tests know what a test is.
func TestPackages(t *testing.T) {
	forTests := []string{"internal/golden", "ingest/sourcetest"}
	vague := []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "base", "lib"}
	for _, p := range listPackages(t) {
		for _, part := range strings.Split(p.folder(), "/") {
			if slices.Contains(vague, part) {
				t.Errorf("%s: %q does not say what the package owns", p.folder(), part)
			}
		}
		if len(p.GoFiles)+len(p.CgoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.folder())
		}
		if slices.Contains(p.Imports, "testing") && !under(p.ImportPath, forTests...) {
			t.Errorf("%s imports testing outside its tests", p.folder())
		}
	}
}

// TestLayers: the architecture page names every package, or the folder above.
func TestLayers(t *testing.T) {
	page := readFile(t, "docs/architecture.md")
	for _, p := range listPackages(t) {
		parts := strings.Split(p.folder(), "/")
		folder := parts[0]
		if folder == "internal" || folder == "cmd" {
			folder = path.Join(parts[:2]...)
		}
		if folder != "" && !strings.Contains(page, "| `"+folder+"/` |") {
			t.Errorf("the table of layers in docs/architecture.md does not have %s/", folder)
		}
	}
}

// TestRegisterView: a registered Arrow view returns wrong columns without an
// error for anything but a bare select * over it.
func TestRegisterView(t *testing.T) {
	scanned := 0
	for _, name := range repositoryFiles(t) {
		if path.Ext(name) != ".go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Error(err)
			continue
		}
		scanned++
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "RegisterView" {
				t.Errorf("%s uses RegisterView; see docs/decisions/0004-duckdb-arrow-without-views.md", name)
			}
			return true
		})
	}
	if scanned < 10 {
		t.Errorf("only %d Go files scanned", scanned)
	}
}

// TestBuildTag: a build without the tag that DuckDB's Arrow interface needs
// fails with a message that names the cure.
func TestBuildTag(t *testing.T) {
	cmd := exec.Command("go", "build", "-tags=", "./internal/duck")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatal("internal/duck builds without its tag, so nothing names the cure; is the Makefile's GOTAGS still needed?")
	}
	if want := "use_make_or_export_GOFLAGS"; !strings.Contains(string(out), want) {
		t.Errorf("message does not contain %q:\n%s", want, out)
	}
}

func TestTopLevel(t *testing.T) {
	allowed := []string{
		".ci", ".editorconfig", ".gitattributes", ".gitignore", ".golangci.yml",
		"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md",
		"all_test.go", "go.mod", "go.sum",
		"bench", "cmd", "deploy", "detectors", "docs", "grafana-plugin", "ingest", "internal", "queries", "sampledata", "schema",
	}
	seen := make(map[string]bool)
	for _, name := range repositoryFiles(t) {
		top, _, _ := strings.Cut(name, "/")
		if !seen[top] && !slices.Contains(allowed, top) {
			t.Errorf("%s lies in the root; nothing new does without a reason", top)
		}
		seen[top] = true
	}
	for _, name := range allowed {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

// TestSize: binaries and data sets do not belong in the repository.
func TestSize(t *testing.T) {
	const limit = 1 << 20
	for _, name := range repositoryFiles(t) {
		if info, err := os.Lstat(name); err != nil {
			t.Error(err)
		} else if info.Size() > limit {
			t.Errorf("%s has %d bytes; the limit is %d", name, info.Size(), limit)
		}
	}
}

// TestSQLPairs: a detector or query without cases, or cases without one.
func TestSQLPairs(t *testing.T) {
	for _, dir := range []string{"detectors/sql", "queries/sql"} {
		names, err := filepath.Glob(dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		if len(names) == 0 {
			t.Errorf("%s is empty", dir)
		}
		for _, name := range names {
			other := map[string]string{".sql": ".txtar", ".txtar": ".sql"}[filepath.Ext(name)]
			if other == "" {
				t.Errorf("%s is neither .sql nor .txtar", name)
				continue
			}
			if pair := strings.TrimSuffix(name, filepath.Ext(name)) + other; !slices.Contains(names, pair) {
				t.Errorf("%s has no %s beside it", name, filepath.Base(pair))
			}
		}
	}
}

// TestMakeTargets: each "make x" in the prose is a target with help.
func TestMakeTargets(t *testing.T) {
	makefile := readFile(t, "Makefile")
	targets := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):.*## `).FindAllStringSubmatch(makefile, -1) {
		targets[m[1]] = true
	}
	mention := regexp.MustCompile("(?m)(?:`|^ *|&& )make (?:--[a-z-]+ )?([a-z][a-z-]*)\\b")
	mentioned := 0
	for _, name := range append(markdown(t), ".ci/run") {
		for _, m := range mention.FindAllStringSubmatch(codeOnly(name, readFile(t, name)), -1) {
			mentioned++
			if !targets[m[1]] {
				t.Errorf("%s says %q, but the Makefile has no such target", name, strings.TrimSpace(m[0]))
			}
		}
	}
	if mentioned < 5 {
		t.Errorf("only %d mentions found", mentioned)
	}
	for _, want := range []string{"make demo", "make test"} {
		if !strings.Contains(readFile(t, "README.md"), "\n"+want+"\n") {
			t.Errorf("README.md does not show %q as a command", want)
		}
	}
}

// TestCommands: each "kmstrail x" shown as code is a command in docs/cli.md,
// which is generated from the program.
func TestCommands(t *testing.T) {
	commands := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^## kmstrail (.+)$`).FindAllStringSubmatch(readFile(t, "docs/cli.md"), -1) {
		commands[m[1]] = true
	}
	if len(commands) < 5 {
		t.Fatalf("docs/cli.md has only %d commands", len(commands))
	}
	mention := regexp.MustCompile("(?m)(?:^ *\\$? *|`|\\| )(?:\\S*/)?kmstrail (?:--[a-z-]+ \\S+ )*([a-z][a-z-]*)")
	for _, name := range markdown(t) {
		for _, m := range mention.FindAllStringSubmatch(codeOnly(name, readFile(t, name)), -1) {
			if !commands[m[1]] && m[1] != "help" {
				t.Errorf("%s shows kmstrail %s, which docs/cli.md does not have", name, m[1])
			}
		}
	}
}

// TestLinks: relative links lead somewhere, to the heading they name.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	checked := 0
	for _, name := range markdown(t) {
		for _, m := range link.FindAllStringSubmatch(withoutCode(readFile(t, name)), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			checked++
			file := name
			if target != "" {
				file = path.Join(path.Dir(name), target)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, m[1])
			} else if anchor != "" && !slices.Contains(anchors(readFile(t, file)), anchor) {
				t.Errorf("%s links to %s, which has no such heading", name, m[1])
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d links checked", checked)
	}
}

func TestChangelog(t *testing.T) {
	changelog := readFile(t, "CHANGELOG.md")
	_, entries, ok := strings.Cut(changelog, "\n## [Unreleased]\n")
	if !ok {
		t.Fatal("CHANGELOG.md has no [Unreleased] section")
	}
	kinds := []string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
	for _, m := range regexp.MustCompile(`(?m)^### (.*)$`).FindAllStringSubmatch(entries, -1) {
		if !slices.Contains(kinds, m[1]) {
			t.Errorf("CHANGELOG.md: %q is none of %v", m[1], kinds)
		}
	}
}

// TestText: what no file may say.
func TestText(t *testing.T) {
	banned := machineNames(t)
	terms := regexp.MustCompile(`\b(?:CMKs?|[Cc]ustomer [Mm]aster [Kk]eys?)\b`)
	for _, name := range repositoryFiles(t) {
		text := fileText(t, name)
		for what, s := range banned {
			if strings.Contains(text, s) {
				t.Errorf("%s names %s of this machine", name, what)
			}
		}
		if ext := path.Ext(name); ext == ".md" || ext == ".sql" {
			if m := terms.FindString(text); m != "" {
				t.Errorf("%s says %q; AWS's name is KMS key", name, m)
			}
		}
	}
}

// machineNames are strings that belong to where the project is built.
func machineNames(t *testing.T) map[string]string {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"the checkout's path": root + "/"}
	if home, err := os.UserHomeDir(); err == nil && len(home) > 1 {
		names["the home folder's path"] = home + "/"
	}
	out, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, proxy := range strings.FieldsFunc(strings.TrimSpace(string(out)), func(r rune) bool { return r == ',' || r == '|' }) {
		_, host, found := strings.Cut(proxy, "://")
		host, _, _ = strings.Cut(host, "/")
		if found {
			names["a module proxy"] = host
		}
	}
	return names
}

// TestDocumentationRanges: account ids and addresses come from the ranges that
// are reserved for examples, so that nobody's own are published.
func TestDocumentationRanges(t *testing.T) {
	account := regexp.MustCompile(`(^|[^0-9A-Za-z.(-])([0-9]{12})($|[^0-9A-Za-z.])`)
	address := regexp.MustCompile(`(^|[^0-9A-Za-z./-])([0-9]{1,3}(?:\.[0-9]{1,3}){3})($|[^0-9A-Za-z.])`)
	const endOfTime = "253402300800" // 10000-01-01 in Unix seconds, no account
	accounts := 0
	for _, name := range repositoryFiles(t) {
		if strings.HasSuffix(name, "go.sum") {
			continue
		}
		text := fileText(t, name)
		for _, m := range account.FindAllStringSubmatch(text, -1) {
			accounts++
			if m[2] != endOfTime && !exampleAccount(m[2]) {
				t.Errorf("%s: %s may be somebody's account id", name, m[2])
			}
		}
		for _, m := range address.FindAllStringSubmatch(text, -1) {
			if !exampleAddress(m[2]) {
				t.Errorf("%s: %s may be somebody's address", name, m[2])
			}
		}
	}
	if accounts < 20 {
		t.Errorf("only %d account ids found", accounts)
	}
}

// exampleAccount knows the ids that AWS's own documentation uses, three groups
// of four equal digits and runs of consecutive digits, and such as are plainly
// nobody's.
func exampleAccount(id string) bool {
	switch id {
	case "123456789012", "210987654321", "012345678901":
		return true
	case "012345670123": // looks octal to YAML
		return true
	}
	if strings.HasPrefix(id, "00000000") {
		return true
	}
	for i := 0; i < 12; i += 4 {
		if group := id[i : i+4]; strings.Count(group, group[:1]) != 4 {
			return false
		}
	}
	return true
}

// exampleAddress knows the ranges of RFC 5737 and those that are never public.
func exampleAddress(s string) bool {
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return true // 999.1.2.3 is nobody's
	}
	for _, r := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "169.254.0.0/16", "100.64.0.0/10"} {
		if netip.MustParsePrefix(r).Contains(addr) {
			return true
		}
	}
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsUnspecified()
}

func TestExampleAccount(t *testing.T) {
	for id, want := range map[string]bool{
		"111122223333": true, "555555555555": true, "123456789012": true,
		"11112222" + "3334": false, "8734" + "56129012": false,
	} {
		if got := exampleAccount(id); got != want {
			t.Errorf("exampleAccount(%s) = %v, want %v", id, got, want)
		}
	}
}

// repositoryFiles lists the files of the repository: what is committed and
// what would be.
var listFiles = sync.OnceValues(func() ([]string, error) {
	out, err := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	var names []string
	for _, name := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) { // deleted, not committed yet
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
})

func repositoryFiles(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(".git"); err != nil {
		t.Skip("not a git clone, so which files belong to the repository is unknown")
	}
	names, err := listFiles()
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func markdown(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, name := range repositoryFiles(t) {
		if path.Ext(name) == ".md" && !strings.Contains(name, "testdata/") {
			names = append(names, name)
		}
	}
	return names
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fileText returns the text of a file, gunzipped where it is gzip, or "" when
// it is not text.
func fileText(t *testing.T, name string) string {
	t.Helper()
	b := []byte(readFile(t, name))
	if path.Ext(name) == ".gz" {
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return "" // broken on purpose
		}
		const enough = 16 << 20
		b, _ = io.ReadAll(io.LimitReader(z, enough)) // what can be read of it
	}
	if !utf8.Valid(b) && bytes.IndexByte(b, 0) >= 0 {
		return ""
	}
	return string(b)
}

var (
	fence  = regexp.MustCompile("(?ms)^ *```.*?\n *```$")
	inline = regexp.MustCompile("`[^`\n]*`")
)

// codeOnly returns what a Markdown text shows as code; other files whole.
func codeOnly(name, text string) string {
	if path.Ext(name) != ".md" {
		return text
	}
	blocks := fence.FindAllString(text, -1)
	return strings.Join(append(blocks, inline.FindAllString(fence.ReplaceAllString(text, ""), -1)...), "\n")
}

func withoutCode(text string) string {
	return inline.ReplaceAllString(fence.ReplaceAllString(text, ""), "")
}

// anchors returns the names by which headings of a Markdown text are linked.
func anchors(text string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^#+ +(.*?)\s*$`).FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		name := strings.ToLower(m[1])
		name = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(name, "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}
