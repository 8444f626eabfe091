package trinoserver

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var quiet = slog.New(slog.DiscardHandler)

// archive is a small one in the shape of Trino's: what two plugins have is in
// it once, in that which comes first.
func archive(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	add := func(h tar.Header, content string) {
		h.Name, h.Mode, h.Size = "trino-server-9/"+h.Name, 0o644, int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name, target string) {
		add(tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: "trino-server-9/" + target}, "")
	}
	add(tar.Header{Typeflag: tar.TypeDir, Name: "lib/"}, "")
	add(tar.Header{Typeflag: tar.TypeReg, Name: "README.txt"}, "read me")
	add(tar.Header{Typeflag: tar.TypeReg, Name: "lib/main.jar"}, "main")
	add(tar.Header{Typeflag: tar.TypeReg, Name: "plugin/delta/parquet.jar"}, "parquet")
	add(tar.Header{Typeflag: tar.TypeReg, Name: "plugin/delta/delta.jar"}, "delta")
	link("plugin/hive/parquet.jar", "plugin/delta/parquet.jar")
	link("plugin/hive/main.jar", "lib/main.jar")
	link("plugin/hive/hdfs/main.jar", "lib/main.jar")
	link("plugin/memory/parquet.jar", "plugin/delta/parquet.jar")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var unpacked = map[string]string{
	"lib/main.jar":              "main",
	"plugin/hive/main.jar":      "main",
	"plugin/hive/parquet.jar":   "parquet",
	"plugin/memory/parquet.jar": "parquet",
}

func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		files[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// fakeMaven puts a client into PATH that "downloads" the archive, and counts.
func fakeMaven(t *testing.T, content []byte) (r release, count string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/archive", content, 0o644); err != nil {
		t.Fatal(err)
	}
	script(t, dir+"/mvn", `echo run >> `+dir+`/count
for a; do case $a in -Dmaven.repo.local=*) repo=${a#*=};; esac; done
mkdir -p "$repo/io/trino/trino-server/9"
cp `+dir+`/archive "$repo/io/trino/trino-server/9/trino-server-9.tar.gz"`)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	sum := sha256.Sum256(content)
	return release{version: "9", sha256: hex.EncodeToString(sum[:]), size: int64(len(content))}, dir + "/count"
}

func TestEnsure(t *testing.T) {
	r, count := fakeMaven(t, archive(t))
	dir := filepath.Join(t.TempDir(), "trino", "9")
	// What a killed process left.
	if err := os.MkdirAll(dir+".partial/server/lib", 0o755); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := ensure(t.Context(), r, dir, quiet); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff(unpacked, filesBelow(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if b, err := os.ReadFile(count); err != nil || string(b) != "run\n" {
		t.Errorf("downloads: %q, %v", b, err)
	}
	left, err := filepath.Glob(filepath.Dir(dir) + "/*")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{dir, dir + ".lock"}, left); diff != "" {
		t.Errorf("left in the cache (-want +got):\n%s", diff)
	}
}

func TestEnsure_errors(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T) release
		want    string
	}{
		{
			name: "no_maven", want: "mvn, which downloads it, is not in PATH: install Maven",
			prepare: func(t *testing.T) release {
				t.Setenv("PATH", t.TempDir())
				return release{version: "9"}
			},
		},
		{
			name: "download_fails", want: "download with Maven: exit status 1\nCould not find artifact",
			prepare: func(t *testing.T) release {
				dir := t.TempDir()
				script(t, dir+"/mvn", "echo Could not find artifact; exit 1")
				t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
				return release{version: "9"}
			},
		},
		{
			name: "other_archive", want: "trino-server-9.tar.gz has the SHA-256 sum",
			prepare: func(t *testing.T) release {
				r, _ := fakeMaven(t, archive(t))
				r.sha256 = strings.Repeat("0", 64)
				return r
			},
		},
		{
			name: "no_archive", want: "unpack trino-server-9.tar.gz: gzip",
			prepare: func(t *testing.T) release {
				r, _ := fakeMaven(t, []byte("<html>not found</html>"))
				return r
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := tt.prepare(t)
			dir := filepath.Join(t.TempDir(), "9")
			err := ensure(t.Context(), r, dir, quiet)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %q in it", err, tt.want)
			}
			for _, name := range []string{dir, dir + ".partial"} {
				if _, err := os.Stat(name); !os.IsNotExist(err) {
					t.Errorf("%s is left", filepath.Base(name))
				}
			}
		})
	}
}

// Everything missing is an error, never a test left out.
func TestFetch_nothingInstalled(t *testing.T) {
	old := javaPlaces
	javaPlaces = nil
	t.Cleanup(func() { javaPlaces = old })
	t.Setenv("JAVA_HOME", "")
	t.Setenv("PATH", t.TempDir())
	_, err := Fetch(t.Context(), quiet)
	if want := "found none: install a newer one"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want %q in it", err, want)
	}
}

func TestCacheDir(t *testing.T) {
	t.Setenv("TEST_TRINO_CACHE", "/var/cache/x")
	if dir, err := cacheDir(); err != nil || dir != "/var/cache/x/trino" {
		t.Errorf("got %s, %v", dir, err)
	}
	t.Setenv("TEST_TRINO_CACHE", "")
	t.Setenv("XDG_CACHE_HOME", "/home/x/.cache")
	t.Setenv("HOME", "/home/x")
	if dir, err := cacheDir(); err != nil || !strings.HasSuffix(dir, "/kmstrail/trino") || !strings.HasPrefix(dir, "/home/x/") {
		t.Errorf("got %s, %v", dir, err)
	}
}
