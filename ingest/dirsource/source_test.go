package dirsource_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/ingest/sourcetest"
)

func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for key, body := range files {
		name := filepath.Join(dir, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, name string) *dirsource.Source {
	t.Helper()
	src, err := dirsource.New(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

func TestSource(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T, files map[string][]byte) ingest.Source {
		dir := t.TempDir()
		write(t, dir, files)
		return open(t, dir)
	})
}

func TestName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b")
	write(t, dir, map[string][]byte{"x.log": []byte("{}")})
	want := "file://" + strings.ReplaceAll(dir, " ", "%20")
	for _, name := range []string{dir, dir + "/", dir + "/../a b", dir + "/x.log"} {
		if got := open(t, name).Name(); got != want {
			t.Errorf("Name of %s = %s, want %s", name, got, want)
		}
	}
}

func TestSingleFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"x.log": []byte("{}"), "y.json": []byte("{}")})
	src := open(t, filepath.Join(dir, "x.log"))
	objs := sourcetest.List(t, src, ingest.Selection{})
	if len(objs) != 1 || objs[0].Key != "x.log" {
		t.Fatalf("listed %+v", objs)
	}
	if got, err := src.Read(t.Context(), objs[0], nil, 10); err != nil || string(got) != "{}" {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := dirsource.New(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestSkipped(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string][]byte{
		"AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/01/02/a.json.gz":  nil,
		"AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/01/02/b.json.gz":  nil,
		"AWSLogs/111122223333/CloudTrail-Insight/us-east-1/2026/01/02/c.json.gz": nil,
		"README.md": nil,
		"AWSLogs/111122223333/CloudTrail/us-east-1/2026/01/02/d.json.gz": nil,
	})
	src := open(t, dir)
	sourcetest.List(t, src, ingest.Selection{})
	got := src.Skipped()
	if got[ingest.KindDigest] != 2 || got[ingest.KindInsight] != 1 || got[ingest.KindUnknown] != 1 || len(got) != 3 {
		t.Errorf("skipped %v", got)
	}
}

func TestDigests(t *testing.T) {
	const digest = "111122223333/CloudTrail-Digest/us-east-1/2026/01/02/111122223333_CloudTrail-Digest_us-east-1_trail_us-east-1_20260102T030405Z.json.gz"
	tests := []struct {
		name, metadata string
		want           map[string]string
		wantErr        bool
	}{
		{"none", "", nil, false},
		{"as head-object prints it", `{"ContentLength": 4, "Metadata": {"signature": "0a0b"}}`, map[string]string{"signature": "0a0b"}, false},
		{"something else", "signature", nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			files := map[string][]byte{digest: []byte("text"), "111122223333/CloudTrail/us-east-1/2026/01/02/d.json.gz": nil}
			if tt.metadata != "" {
				files[digest+dirsource.MetadataSuffix] = []byte(tt.metadata)
			}
			write(t, dir, files)
			src := open(t, dir)
			objs := sourcetest.List(t, src, ingest.Selection{Digests: true})
			i := slices.IndexFunc(objs, func(o ingest.Object) bool { return o.Key == digest })
			if i < 0 || slices.Contains(sourcetest.Keys(objs), "111122223333/CloudTrail/us-east-1/2026/01/02/d.json.gz") {
				t.Fatalf("listed %v", sourcetest.Keys(objs))
			}
			body, metadata, err := src.ReadMetadata(t.Context(), objs[i], nil, 100)
			if string(body) != "text" || !maps.Equal(metadata, tt.want) || (err != nil) != tt.wantErr {
				t.Errorf("read %q, %q, %v", body, metadata, err)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write(t, dir, map[string][]byte{"a/x.json": []byte("{}")})
	write(t, outside, map[string][]byte{"secret.json": []byte("{}"), "sub/more.json": []byte("{}")})
	for name, target := range map[string]string{
		"inside.json":  "a/x.json",
		"outside.json": filepath.Join(outside, "secret.json"),
		"dir":          "a",
		"elsewhere":    filepath.Join(outside, "sub"),
		"loop":         ".",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	src := open(t, dir)
	var keys []string
	err := src.List(t.Context(), ingest.Selection{}, func(page []ingest.Object) error {
		keys = append(keys, sourcetest.Keys(page)...)
		return nil
	})
	partial, ok := errors.AsType[*ingest.PartialListError](err)
	if !ok || len(partial.Errs) != 2 {
		t.Fatalf("got %v, want two links that lead outside", err)
	}
	for _, name := range []string{"outside.json", "elsewhere"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
	if want := "inside.json a/x.json"; strings.Join(keys, " ") != want {
		t.Errorf("listed %v, want %s", keys, want)
	}
	if _, err := src.Read(t.Context(), ingest.Object{Key: "outside.json"}, nil, 10); err == nil {
		t.Error("read a file outside")
	}
	if _, err := src.Read(t.Context(), ingest.Object{Key: "../x.json"}, nil, 10); err == nil {
		t.Error("read above the directory")
	}
}

func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"a/x.json": []byte("{}"), "b/y.json": []byte("{}"), "c.json": []byte("{}")})
	for _, name := range []string{"a", "c.json"} {
		name = filepath.Join(dir, name)
		if err := os.Chmod(name, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(name, 0o755) })
	}
	src := open(t, dir)
	var objs []ingest.Object
	err := src.List(t.Context(), ingest.Selection{}, func(page []ingest.Object) error {
		objs = append(objs, page...)
		return nil
	})
	if _, ok := errors.AsType[*ingest.PartialListError](err); !ok || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
	if got := strings.Join(sourcetest.Keys(objs), " "); got != "c.json b/y.json" {
		t.Errorf("listed %s", got)
	}
	if _, err := src.Read(t.Context(), objs[0], nil, 10); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("read: %v", err)
	}
}

func TestReadPipeDoesNotWait(t *testing.T) {
	dir := t.TempDir()
	if err := makePipe(filepath.Join(dir, "p.json")); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	src := open(t, dir)
	if _, err := src.Read(t.Context(), ingest.Object{Key: "p.json"}, nil, 10); err == nil {
		t.Error("read a pipe")
	}
	err := src.List(t.Context(), ingest.Selection{}, func([]ingest.Object) error { return nil })
	if _, ok := errors.AsType[*ingest.PartialListError](err); !ok {
		t.Errorf("list: %v", err)
	}
}

func TestReadChanged(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"x.json": []byte("{}")})
	src := open(t, dir)
	obj := sourcetest.List(t, src, ingest.Selection{})[0]
	if err := os.Chtimes(filepath.Join(dir, "x.json"), time.Time{}, obj.LastModified.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := src.Read(t.Context(), obj, nil, 10); !errors.Is(err, ingest.ErrChanged) {
		t.Errorf("got %v", err)
	}
}

// TestExchanged: a source that is kept open follows the name of its directory,
// and says so when nothing has it.
func TestExchanged(t *testing.T) {
	const before, after = "111122223333_CloudTrail_us-east-1_20240102T0000Z_aaaaaaaaaaaaaaaa.json", "111122223333_CloudTrail_us-east-1_20240102T0000Z_bbbbbbbbbbbbbbbb.json"
	dir := filepath.Join(t.TempDir(), "logs")
	write(t, dir, map[string][]byte{before: []byte("{}")})
	src := open(t, dir)
	list := func() (keys []string, err error) {
		err = src.List(t.Context(), ingest.Selection{}, func(objs []ingest.Object) error {
			for _, o := range objs {
				body, err := src.Read(t.Context(), o, nil, 100)
				if err != nil || string(body) != "{}" {
					t.Errorf("read %s: %q, %v", o.Key, body, err)
				}
				keys = append(keys, o.Key)
			}
			return nil
		})
		return keys, err
	}
	if keys, err := list(); err != nil || len(keys) != 1 || keys[0] != before {
		t.Fatalf("%v, %v", keys, err)
	}
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	if keys, err := list(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the directory: %v, %v", keys, err)
	}
	write(t, dir, map[string][]byte{after: []byte("{}")})
	if keys, err := list(); err != nil || len(keys) != 1 || keys[0] != after {
		t.Errorf("after the exchange: %v, %v", keys, err)
	}
}

// TestReadAfterReplacing holds that a directory that is read from is not kept
// when another one has its name.
func TestReadAfterReplacing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string][]byte{"a/b/x.json": []byte("old")})
	src := open(t, dir)
	read := func(want string) {
		t.Helper()
		objs := sourcetest.List(t, src, ingest.Selection{})
		if len(objs) != 1 {
			t.Fatalf("listed %+v", objs)
		}
		if got, err := src.Read(t.Context(), objs[0], nil, 10); err != nil || string(got) != want {
			t.Errorf("read %q, %v, want %q", got, err, want)
		}
	}
	read("old")
	if err := os.Rename(filepath.Join(dir, "a"), filepath.Join(t.TempDir(), "a")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string][]byte{"a/b/x.json": []byte("newer")})
	read("newer")
}

// TestReadLinks holds that links are read that lead out of their directory and
// not out of the tree.
func TestReadLinks(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "x.json")
	write(t, dir, map[string][]byte{"a/b/x.json": []byte("{}")})
	write(t, filepath.Dir(outside), map[string][]byte{"x.json": []byte("{}")})
	for name, target := range map[string]string{"c/d/in.json": "../../a/b/x.json", "c/d/out.json": outside} {
		write(t, dir, map[string][]byte{"c/d/beside.json": []byte("{}")})
		if err := os.Symlink(target, filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
	src := open(t, dir)
	for name, readable := range map[string]bool{"c/d/beside.json": true, "c/d/in.json": true, "c/d/out.json": false} {
		if _, err := src.Read(t.Context(), ingest.Object{Key: name}, nil, 10); (err == nil) != readable {
			t.Errorf("read %s: %v", name, err)
		}
	}
}
