package lake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/internal/s3server"
)

// openTest opens a lake of each kind.
func openTest(t *testing.T) map[string]Bucket {
	t.Helper()
	s3, _ := serve(t, s3server.Config{Writable: true}, "/some/prefix/")
	return map[string]Bucket{"dir": open(t, filepath.Join(t.TempDir(), "to be made"), s3source.Config{}), "s3": s3}
}

func open(t *testing.T, location string, cfg s3source.Config) Bucket {
	t.Helper()
	b, err := Open(t.Context(), location, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// serve opens a lake of a bucket on loopback.
func serve(t *testing.T, cfg s3server.Config, prefix string) (Bucket, *s3server.Server) {
	t.Helper()
	cfg.Dir = t.TempDir()
	server, err := s3server.Start(context.WithoutCancel(t.Context()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	t.Setenv("AWS_ACCESS_KEY_ID", s3server.DefaultAccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3server.DefaultSecretKey)
	return open(t, "s3://"+server.Bucket()+prefix, s3source.Config{EndpointURL: server.URL(), Region: server.Region(), MaxAttempts: 3, MaxBackoff: 10 * time.Millisecond}), server
}

func listed(t *testing.T, b Bucket, dir string) []string {
	t.Helper()
	var names []string
	err := b.List(t.Context(), dir, func(name string, size int64) error {
		names = append(names, fmt.Sprintf("%s:%d", name, size))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestBucket(t *testing.T) {
	for kind, b := range openTest(t) {
		t.Run(kind, func(t *testing.T) {
			ctx := t.Context()
			if names := listed(t, b, ""); len(names) != 0 {
				t.Errorf("a new lake has %q", names)
			}
			if _, err := b.Get(ctx, "a/b"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("read what is not there: %v", err)
			}
			if err := b.Delete(ctx, "a/b"); err != nil {
				t.Errorf("delete what is not there: %v", err)
			}
			for _, name := range []string{"t/region=eu-west-1/x.parquet", "t/a/b", "t/a-b", "t2/x", "_plans/u/000000.json"} {
				if err := b.Create(ctx, name, []byte(name)); err != nil {
					t.Fatal(err)
				}
			}
			if err := b.Create(ctx, "t/a/b", []byte("other")); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), b.String()) {
				t.Errorf("create what is there: %v", err)
			}
			if err := b.Put(ctx, "t/a-b", []byte("other one")); err != nil {
				t.Error(err)
			}
			for name, want := range map[string]string{"t/a/b": "t/a/b", "t/a-b": "other one"} {
				if got, err := b.Get(ctx, name); string(got) != want {
					t.Errorf("%s: got %q, %v", name, got, err)
				}
			}
			want := []string{"t/a-b:9", "t/a/b:5", "t/region=eu-west-1/x.parquet:28"}
			if got := listed(t, b, "t/"); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if got := listed(t, b, ""); len(got) != 5 {
				t.Errorf("got %q", got)
			}
			if err := b.Delete(ctx, "t/a/b"); err != nil {
				t.Error(err)
			}
			if got := listed(t, b, "t/a/"); len(got) != 0 {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestBucket_listStops(t *testing.T) {
	for kind, b := range openTest(t) {
		t.Run(kind, func(t *testing.T) {
			for i := range 3 {
				if err := b.Put(t.Context(), fmt.Sprintf("d/%d", i), nil); err != nil {
					t.Fatal(err)
				}
			}
			n, enough := 0, errors.New("enough")
			err := b.List(t.Context(), "d/", func(string, int64) error { n++; return enough })
			if !errors.Is(err, enough) || n != 1 {
				t.Errorf("%d visits, %v", n, err)
			}
		})
	}
}

// TestBucket_pages lists more than S3 answers at once.
func TestBucket_pages(t *testing.T) {
	dir := t.TempDir()
	server, err := s3server.Start(context.WithoutCancel(t.Context()), s3server.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 2100 {
		if err := os.WriteFile(filepath.Join(dir, "d", fmt.Sprintf("%04d", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := server.Refresh(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", s3server.DefaultAccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3server.DefaultSecretKey)
	b := open(t, "s3://"+server.Bucket(), s3source.Config{EndpointURL: server.URL(), Region: server.Region()})
	names := listed(t, b, "d/")
	if len(names) != 2100 || !slices.IsSorted(names) {
		t.Errorf("listed %d names", len(names))
	}
	if same := listed(t, open(t, dir, s3source.Config{}), "d/"); !slices.Equal(same, names) {
		t.Errorf("the directory lists %d names", len(same))
	}
}

// TestBucket_oneWins lets fifty writers create one name.
func TestBucket_oneWins(t *testing.T) {
	for kind, b := range openTest(t) {
		t.Run(kind, func(t *testing.T) {
			const writers = 50
			errs := make([]error, writers)
			var wg sync.WaitGroup
			for i := range writers {
				wg.Go(func() { errs[i] = b.Create(t.Context(), "d/e/x", []byte(fmt.Sprint(i))) })
			}
			wg.Wait()
			winner := slices.Index(errs, nil)
			for i, err := range errs {
				if i != winner && !errors.Is(err, ErrExists) {
					t.Errorf("writer %d: %v", i, err)
				}
			}
			if body, err := b.Get(t.Context(), "d/e/x"); string(body) != fmt.Sprint(winner) {
				t.Errorf("writer %d won, the object is of %q, %v", winner, body, err)
			}
		})
	}
}

// TestBucket_leftOver lets a writer die while it writes.
func TestBucket_leftOver(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, s3source.Config{})
	if err := b.Create(t.Context(), "d/x", []byte("1")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, unfinished))
	if err != nil || len(entries) != 0 {
		t.Errorf("%d files are left over, %v", len(entries), err)
	}
	if err := os.WriteFile(filepath.Join(dir, unfinished, "half"), []byte("hal"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, b, ""); !slices.Equal(got, []string{"d/x:1"}) {
		t.Errorf("listed %q", got)
	}
}

func TestBucket_names(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	for kind, b := range openTest(t) {
		t.Run(kind, func(t *testing.T) {
			for _, name := range []string{"", ".", "..", "../x", "/x", "a/../../x", "a//b", "a/", `a\b`, "a/\x00", outside} {
				for what, err := range map[string]error{
					"put": b.Put(t.Context(), name, nil), "create": b.Create(t.Context(), name, nil), "delete": b.Delete(t.Context(), name),
					"list": b.List(t.Context(), name+"x", func(string, int64) error { return nil }),
				} {
					if err == nil {
						t.Errorf("%s %q was done", what, name)
					}
				}
				if _, err := b.Get(t.Context(), name); err == nil || errors.Is(err, fs.ErrNotExist) {
					t.Errorf("get %q: %v", name, err)
				}
			}
		})
	}
}

// TestBucket_links does not follow a link that leads out of the directory.
func TestBucket_links(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "out")); err != nil {
		t.Skip(err)
	}
	if err := open(t, dir, s3source.Config{}).Put(t.Context(), "out/x", nil); err == nil {
		t.Error("wrote outside of the lake")
	}
}

func TestOpen(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	dir := t.TempDir()
	slashed := "file://" + filepath.ToSlash(dir)
	for location, want := range map[string]string{
		dir: slashed, slashed: slashed, dir + "/a b": slashed + "/a%20b",
		"s3://bucket": "s3://bucket", "s3://bucket/": "s3://bucket", "s3://bucket/a/b/": "s3://bucket/a/b",
	} {
		if got := open(t, location, s3source.Config{}).String(); got != want {
			t.Errorf("%s: got %s, want %s", location, got, want)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, location := range []string{"", "s3://", "s3:///a", "s3://bucket/../a", "s3://bucket//a", "gs://bucket/a", "file://host/a", "file://", file} {
		if b, err := Open(t.Context(), location, s3source.Config{}); err == nil {
			t.Errorf("opened %q as %s", location, b)
		}
	}
}

// TestBucket_errors wants messages that say where and what to do.
func TestBucket_errors(t *testing.T) {
	answer := func(code string) s3server.Faults {
		return s3server.Faults{Deny: func(method, _, _ string) (string, string) {
			if method == "HEAD" {
				return "", ""
			}
			return code, ""
		}}
	}
	for name, tt := range map[string]struct {
		cfg  s3server.Config
		want []string
	}{
		"denied":     {s3server.Config{Faults: answer("AccessDenied")}, []string{"may not write s3://kmstrail-sample/lake/d/x", "s3:PutObject"}},
		"no bucket":  {s3server.Config{Faults: answer("NoSuchBucket")}, []string{"bucket kmstrail-sample does not exist"}},
		"region":     {s3server.Config{Faults: s3server.Faults{WrongRegion: true}}, []string{"another Region", "kmstrail-sample"}},
		"slow":       {s3server.Config{Faults: answer("SlowDown")}, []string{"fewer requests at s3://kmstrail-sample/lake/d/x"}},
		"no support": {s3server.Config{Faults: answer("NotImplemented")}, []string{"conditional writes", "s3://kmstrail-sample/lake/d/x"}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.cfg.Writable = true
			b, _ := serve(t, tt.cfg, "/lake")
			err := b.Create(t.Context(), "d/x", nil)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
		})
	}
}

// TestBucket_lostAnswer retries what goes wrong on the way.
func TestBucket_lostAnswer(t *testing.T) {
	b, _ := serve(t, s3server.Config{Writable: true, Faults: s3server.Faults{ResetEvery: 3}}, "/lake")
	for i := range 10 {
		name := fmt.Sprintf("d/%d", i)
		if err := b.Create(t.Context(), name, []byte(name)); err != nil && !errors.Is(err, ErrExists) {
			t.Fatal(err)
		}
		if body, err := b.Get(t.Context(), name); string(body) != name {
			t.Errorf("got %q, %v", body, err)
		}
	}
}

// forgetful ignores the condition of Create, as some services do.
type forgetful struct{ Bucket }

func (f forgetful) Create(ctx context.Context, name string, body []byte) error {
	return f.Put(ctx, name, body)
}

func TestCheckCreate(t *testing.T) {
	for kind, b := range openTest(t) {
		t.Run(kind, func(t *testing.T) {
			for range 2 {
				if err := CheckCreate(t.Context(), b); err != nil {
					t.Error(err)
				}
			}
			if err := CheckCreate(t.Context(), forgetful{b}); err == nil || !strings.Contains(err.Error(), "ignores conditional writes") {
				t.Errorf("got %v", err)
			}
		})
	}
}
