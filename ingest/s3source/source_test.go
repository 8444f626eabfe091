package s3source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/s3source"
	"github.com/kmstrail/kmstrail/ingest/sourcetest"
	"github.com/kmstrail/kmstrail/internal/s3server"
)

// TestMain keeps the developer's own AWS configuration out.
func TestMain(m *testing.M) {
	for _, env := range os.Environ() {
		if name, _, _ := strings.Cut(env, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	os.Exit(m.Run())
}

func write(t testing.TB, dir string, files map[string][]byte) {
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

func start(t testing.TB, cfg s3server.Config, files map[string][]byte) *s3server.Server {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	write(t, cfg.Dir, files)
	server, err := s3server.Start(context.WithoutCancel(t.Context()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

func configFor(server *s3server.Server) s3source.Config {
	access, secret := server.Credentials()
	return s3source.Config{
		Bucket: server.Bucket(), EndpointURL: server.URL(),
		Credentials: credentials.NewStaticCredentialsProvider(access, secret, ""),
		MaxBackoff:  time.Millisecond,
		Now:         func() time.Time { return time.Date(2026, 1, 20, 0, 0, 0, 0, time.UTC) },
	}
}

func open(t testing.TB, cfg s3source.Config) *s3source.Source {
	t.Helper()
	src, err := s3source.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestSource(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T, files map[string][]byte) ingest.Source {
		return open(t, configFor(start(t, s3server.Config{}, files)))
	})
}

const account = "111122223333"

func date(day int) time.Time { return time.Date(2026, 1, day, 12, 0, 0, 0, time.UTC) }

func TestPrefixMayEndAnywhere(t *testing.T) {
	key := "sec/trail/" + sourcetest.Key(account, "us-east-1", date(2), "AAAAAAAAAAAAAAAA")
	orgKey := "sec/trail/AWSLogs/o-exampleorgid/" + strings.TrimPrefix(sourcetest.Key("444455556666", "us-east-1", date(2), "AAAAAAAAAAAAAAAA"), "AWSLogs/")
	elsewhere := "web/2026/01/02/access.json"
	server := start(t, s3server.Config{}, map[string][]byte{key: nil, orgKey: nil, elsewhere: nil})
	tests := []struct {
		prefix string
		want   []string
	}{
		{"", []string{key, orgKey}},
		{"/", []string{key, orgKey}},
		{"sec", []string{key, orgKey}},
		{"se", []string{key, orgKey}},
		{"sec/trail/", []string{key, orgKey}},
		{"sec/trail/AWSLogs", []string{key, orgKey}},
		{"sec/trail/AWSLogs/o-exampleorgid/", []string{orgKey}},
		{"sec/trail/AWSLogs/1111", []string{key}},
		{"sec/trail/AWSLogs/" + account + "/", []string{key}},
		{"sec/trail/AWSLogs/" + account + "/Cloud", []string{key}},
		{"sec/trail/AWSLogs/" + account + "/CloudTrail/", []string{key}},
		{"sec/trail/AWSLogs/" + account + "/CloudTrail/us-east-1", []string{key}},
		{"sec/trail/AWSLogs/" + account + "/CloudTrail/us-east-1/2026/", []string{key}},
		{"sec/trail/AWSLogs/" + account + "/CloudTrail/us-east-1/2026/01/02", []string{key}},
		{"sec/trail/AWSLogs/" + account + "/CloudTrail/us-east-1/2026/01/03/", nil},
		{key, []string{key}},
		{"nothing/here", nil},
	}
	for _, tt := range tests {
		t.Run(tt.prefix, func(t *testing.T) {
			cfg := configFor(server)
			cfg.Prefix = tt.prefix
			for _, sel := range []ingest.Selection{{}, {From: date(2), To: date(3)}, {From: date(2).AddDate(-1, 0, 0)}} {
				got := sourcetest.Keys(sourcetest.List(t, open(t, cfg), sel))
				slices.Sort(got)
				if !slices.Equal(got, tt.want) {
					t.Errorf("%+v: listed %v, want %v", sel, got, tt.want)
				}
			}
		})
	}
}

func TestLayout(t *testing.T) {
	orgTail := func(acct string) string {
		return strings.TrimPrefix(sourcetest.Key(acct, "eu-west-1", date(2), "A"), "AWSLogs/")
	}
	server := start(t, s3server.Config{}, map[string][]byte{
		sourcetest.Key(account, "us-east-1", date(2), "A"):                         nil,
		"o-exampleorgid/AWSLogs/o-exampleorgid/" + orgTail("444455556666"):         nil,
		"AWSLogs/" + account + "/CloudTrail-Digest/us-west-2/2026/01/02/x.json.gz": nil,
		"AWSLogs/" + account + "/Config/ap-south-1/2026/1/2/x.json.gz":             nil,
		"AWSLogs/" + account + "/CloudTrail/notes/readme.txt":                      nil,
	})
	got, err := open(t, configFor(server)).Layout(t.Context(), ingest.Selection{})
	if err != nil {
		t.Fatal(err)
	}
	want := []s3source.Stream{
		{Prefix: "AWSLogs/" + account + "/CloudTrail/us-east-1/", AccountID: account, Region: "us-east-1"},
		{Prefix: "o-exampleorgid/AWSLogs/o-exampleorgid/444455556666/CloudTrail/eu-west-1/", OrganizationID: "o-exampleorgid", AccountID: "444455556666", Region: "eu-west-1"},
	}
	if !slices.Equal(got.Streams, want) || got.Truncated || len(got.Denied) > 0 {
		t.Errorf("got %+v", got)
	}
}

// TestDigests: digests are listed when they are asked for, also of a Region without
// log files, and read with their signatures.
func TestDigests(t *testing.T) {
	digest := "AWSLogs/" + account + "/CloudTrail-Digest/us-west-2/2026/01/02/" + account + "_CloudTrail-Digest_us-west-2_trail_us-east-1_20260102T030405Z.json.gz"
	server := start(t, s3server.Config{}, map[string][]byte{
		sourcetest.Key(account, "us-east-1", date(2), "A"): nil,
		digest:                    []byte("text"),
		digest + ".metadata.json": []byte(`{"Metadata": {"signature": "0a0b"}}`),
	})
	for _, prefix := range []string{"", "AWSLogs/" + account + "/", "AWSLogs/" + account + "/CloudTrail-Digest/us-west-2/2026/"} {
		cfg := configFor(server)
		cfg.Prefix = prefix
		src := open(t, cfg)
		objects := sourcetest.List(t, src, ingest.Selection{From: date(2), To: date(3), Digests: true})
		if got := sourcetest.Keys(objects); !slices.Equal(got, []string{digest}) {
			t.Fatalf("below %q: listed %q", prefix, got)
		}
		body, metadata, err := src.ReadMetadata(t.Context(), objects[0], nil, 100)
		if err != nil || string(body) != "text" || metadata["signature"] != "0a0b" {
			t.Errorf("read %q, %q, %v", body, metadata, err)
		}
	}
}

func TestListAsksLittle(t *testing.T) {
	files := make(map[string][]byte)
	for d := range 100 { // December to March
		files[sourcetest.Key(account, "us-east-1", date(1).AddDate(0, 0, d-31), "AAAAAAAAAAAAAAAA")] = nil
	}
	server := start(t, s3server.Config{}, files)
	tests := []struct {
		name string
		sel  ingest.Selection
		want int64 // requests beside those for the layout
	}{
		{"a day and its slack", ingest.Selection{From: date(2), To: date(2).Add(time.Hour)}, 2},
		{"a month and its slack", ingest.Selection{From: date(1), To: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}, 2},
		{"all: years, months, one page each", ingest.Selection{To: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}, 1 + 2 + 4},
	}
	const layout = 3 // the root, AWSLogs, the account
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := open(t, configFor(server))
			sourcetest.List(t, src, tt.sel)
			if got := src.Requests().List - layout; got != tt.want {
				t.Errorf("%d requests, want %d", got, tt.want)
			}
		})
	}
}

// TestFaults lists and reads through each fault: the client tries again and
// gets the right bytes.
func TestFaults(t *testing.T) {
	files := make(map[string][]byte)
	for n := range 120 {
		key := sourcetest.Key(account, "us-east-1", date(1).AddDate(0, 0, n%6), fmt.Sprintf("%016d", n))
		files[key] = []byte(strings.Repeat(key, 20))
	}
	tests := []struct {
		name    string
		faults  s3server.Faults
		timeout time.Duration
	}{
		{"slow down", s3server.Faults{SlowDownEvery: 3}, 0},
		{"internal error", s3server.Faults{InternalErrorEvery: 3}, 0},
		{"reset", s3server.Faults{ResetEvery: 3}, 0},
		{"truncated", s3server.Faults{TruncateEvery: 3}, 0},
		{"stalled", s3server.Faults{StallEvery: 45}, 500 * time.Millisecond},
		{"all", s3server.Faults{SlowDownEvery: 5, InternalErrorEvery: 7, ResetEvery: 11, TruncateEvery: 3}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := start(t, s3server.Config{Faults: tt.faults}, files)
			cfg := configFor(server)
			cfg.AttemptTimeout = tt.timeout
			cfg.MaxAttempts = 30 // whose turn a fault is, is chance
			src := open(t, cfg)
			objs := sourcetest.List(t, src, ingest.Selection{From: date(1)})
			if len(objs) != len(files) {
				t.Fatalf("listed %d objects, want %d", len(objs), len(files))
			}
			for _, obj := range objs {
				got, err := src.Read(t.Context(), obj, nil, 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, files[obj.Key]) {
					t.Fatalf("%s: %d bytes, not the right ones", obj.Key, len(got))
				}
			}
			counts, requests := server.Counts(), src.Requests()
			if counts.Faults == 0 {
				t.Error("no fault happened")
			}
			// net/http itself repeats a request whose reused connection was reset.
			if tt.faults.ResetEvery == 0 && (requests.List != counts.List || requests.Get != counts.Get+counts.Head) {
				t.Errorf("counted %+v, the server %+v", requests, counts)
			}
		})
	}
}

func TestReadGivesUp(t *testing.T) {
	key := sourcetest.Key(account, "us-east-1", date(1), "A")
	server := start(t, s3server.Config{Faults: s3server.Faults{TruncateEvery: 1}}, map[string][]byte{key: []byte("0123456789")})
	cfg := configFor(server)
	cfg.MaxAttempts = 3
	src := open(t, cfg)
	_, err := src.Read(t.Context(), ingest.Object{Key: key}, nil, 100)
	if err == nil || !strings.Contains(err.Error(), "5 of 10 bytes") {
		t.Errorf("got %v", err)
	}
	if got := server.Counts().Get; got != 3 {
		t.Errorf("%d attempts, want 3", got)
	}
}

func TestReadChanged(t *testing.T) {
	key := sourcetest.Key(account, "us-east-1", date(1), "A")
	dir := t.TempDir()
	server := start(t, s3server.Config{Dir: dir}, map[string][]byte{key: []byte("old")})
	src := open(t, configFor(server))
	obj := sourcetest.List(t, src, ingest.Selection{})[0]
	write(t, dir, map[string][]byte{key: []byte("newer")})
	if _, err := src.Read(t.Context(), obj, nil, 100); !errors.Is(err, s3source.ErrChanged) {
		t.Errorf("got %v, want ErrChanged", err)
	}
}

func TestFindsRegion(t *testing.T) {
	key := sourcetest.Key(account, "us-east-1", date(1), "A")
	server := start(t, s3server.Config{Region: "eu-central-1"}, map[string][]byte{key: nil})
	for _, region := range []string{"", "ap-south-1", "eu-central-1"} {
		cfg := configFor(server)
		cfg.Region = region
		src := open(t, cfg)
		if n := len(sourcetest.List(t, src, ingest.Selection{})); n != 1 {
			t.Errorf("listed %d objects", n)
		}
		if got := src.Region(); got != "eu-central-1" {
			t.Errorf("Region %s", got)
		}
	}
}

func TestPartialAccess(t *testing.T) {
	a, b := sourcetest.Key(account, "us-east-1", date(2), "A"), sourcetest.Key("444455556666", "us-east-1", date(2), "A")
	deny := func(prefixes ...string) s3server.Faults {
		return s3server.Faults{Deny: func(_, key, prefix string) (string, string) {
			if key == "" && slices.Contains(prefixes, prefix) {
				return "AccessDenied", "Access Denied"
			}
			return "", ""
		}}
	}
	t.Run("one account denied", func(t *testing.T) {
		server := start(t, s3server.Config{Faults: deny("AWSLogs/444455556666/CloudTrail/")}, map[string][]byte{a: nil, b: nil})
		var got []string
		err := open(t, configFor(server)).List(t.Context(), ingest.Selection{}, func(page []ingest.Object) error {
			got = append(got, sourcetest.Keys(page)...)
			return nil
		})
		if _, ok := errors.AsType[*ingest.PartialListError](err); !ok || !strings.Contains(err.Error(), "444455556666") {
			t.Errorf("got %v", err)
		}
		if !slices.Equal(got, []string{a}) {
			t.Errorf("listed %v", got)
		}
	})
	t.Run("root denied", func(t *testing.T) {
		server := start(t, s3server.Config{Faults: deny("")}, map[string][]byte{a: nil, b: nil})
		if n := len(sourcetest.List(t, open(t, configFor(server)), ingest.Selection{})); n != 2 {
			t.Errorf("listed %d objects, want 2", n)
		}
	})
	t.Run("only a named account", func(t *testing.T) {
		cfg := configFor(start(t, s3server.Config{Faults: deny("", "AWSLogs/")}, map[string][]byte{a: nil, b: nil}))
		cfg.Prefix = "AWSLogs/"
		objs := sourcetest.List(t, open(t, cfg), ingest.Selection{Accounts: []string{account}})
		if got := sourcetest.Keys(objs); !slices.Equal(got, []string{a}) {
			t.Errorf("listed %v", got)
		}
	})
}

// TestMessages holds what people read when access fails.
func TestMessages(t *testing.T) {
	key := sourcetest.Key(account, "us-east-1", date(2), "A")
	denyRead := func(code, message string) s3server.Faults {
		return s3server.Faults{Deny: func(method, k, _ string) (string, string) {
			if k != "" && method == "GET" {
				return code, message
			}
			return "", ""
		}}
	}
	denyAll := func(code, message string) s3server.Faults {
		return s3server.Faults{Deny: func(string, string, string) (string, string) { return code, message }}
	}
	tests := []struct {
		name   string
		faults s3server.Faults
		change func(*s3source.Config)
		want   []string
	}{
		{"no such bucket", s3server.Faults{}, func(c *s3source.Config) { c.Bucket = "other" }, []string{"bucket other does not exist", "check the name"}},
		{"may not list", denyAll("AccessDenied", "Access Denied"), nil, []string{"may not list s3://kmstrail-sample", "s3:ListBucket on arn:aws:s3:::kmstrail-sample", "--requester-pays"}},
		{"may not read", denyRead("AccessDenied", "Access Denied"), nil, []string{"may not read s3://kmstrail-sample/AWSLogs/", "s3:GetObject on arn:aws:s3:::kmstrail-sample/*"}},
		{
			"may not decrypt", denyRead("AccessDenied", "User: arn:aws:iam::111122223333:user/a is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:111122223333:key/x"), nil,
			[]string{"may not decrypt s3://", "allow kms:Decrypt on the key", "arn:aws:kms:us-east-1:111122223333:key/x"},
		},
		{"key disabled", denyRead("KMS.DisabledException", "arn:aws:kms:us-east-1:111122223333:key/x is disabled."), nil, []string{"KMS key that encrypts", "is disabled"}},
		{"archived", denyRead("InvalidObjectState", "The operation is not valid for the object's storage class"), nil, []string{"is archived and cannot be read", "restore-object"}},
		{"expired", denyAll("ExpiredToken", "The provided token has expired."), nil, []string{"credentials have expired", "aws sso login"}},
		{"slow down", s3server.Faults{SlowDownEvery: 1}, nil, []string{"AWS asks for fewer requests", "try again later"}},
		{"internal error", s3server.Faults{InternalErrorEvery: 1}, nil, []string{"internal error"}},
		{"redirect", s3server.Faults{WrongRegion: true}, nil, []string{"is in another Region", "leave --region out"}},
		{"requester pays", s3server.Faults{RequesterPays: true}, nil, []string{"may not list", "--requester-pays"}},
		{"unknown key id", s3server.Faults{}, func(c *s3source.Config) {
			c.Credentials = credentials.NewStaticCredentialsProvider("AKIAUNKNOWN", "x", "")
		}, []string{"AWS does not know these credentials", "AWS_ACCESS_KEY_ID"}},
		{"wrong secret", s3server.Faults{}, func(c *s3source.Config) {
			c.Credentials = credentials.NewStaticCredentialsProvider(s3server.DefaultAccessKey, "wrong", "")
		}, []string{"does not accept the signature", "AWS_SECRET_ACCESS_KEY"}},
		{"no signature", s3server.Faults{}, func(c *s3source.Config) { c.Credentials, c.Anonymous = nil, true }, []string{"may not list"}},
		{"no credentials", s3server.Faults{}, func(c *s3source.Config) { c.Credentials = nil }, []string{"no AWS credentials found", "--profile"}},
		{"nothing listens", s3server.Faults{}, func(c *s3source.Config) { c.EndpointURL = "http://" + closedPort(t) }, []string{"nothing answers at http://127.0.0.1:", "--endpoint-url"}},
		{"stalled", s3server.Faults{StallEvery: 1}, func(c *s3source.Config) { c.AttemptTimeout = 30 * time.Millisecond }, []string{"no answer in time from http://127.0.0.1:"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := configFor(start(t, s3server.Config{Faults: tt.faults}, map[string][]byte{key: []byte("x")}))
			cfg.MaxAttempts = 2
			if tt.change != nil {
				tt.change(&cfg)
			}
			src := open(t, cfg)
			err := src.List(t.Context(), ingest.Selection{}, func([]ingest.Object) error { return nil })
			if err == nil {
				_, err = src.Read(t.Context(), ingest.Object{Key: key}, nil, 100)
			}
			if _, ok := errors.AsType[*s3source.Error](err); !ok {
				t.Fatalf("got %T %v", err, err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if again := s3source.Explain(err); again != err { //nolint:errorlint // explained stays as it is
				t.Errorf("explained twice: %v", again)
			}
			t.Log(err)
		})
	}
}

func TestRequesterPays(t *testing.T) {
	key := sourcetest.Key(account, "us-east-1", date(2), "A")
	cfg := configFor(start(t, s3server.Config{Faults: s3server.Faults{RequesterPays: true}}, map[string][]byte{key: []byte("x")}))
	cfg.RequesterPays = true
	src := open(t, cfg)
	for _, obj := range sourcetest.List(t, src, ingest.Selection{}) {
		if got, err := src.Read(t.Context(), obj, nil, 10); err != nil || string(got) != "x" {
			t.Errorf("read %q, %v", got, err)
		}
	}
}

func TestMissingIsNotExplained(t *testing.T) {
	src := open(t, configFor(start(t, s3server.Config{}, nil)))
	_, err := src.Read(t.Context(), ingest.Object{Key: "gone"}, nil, 10)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestProfileMissing(t *testing.T) {
	_, err := s3source.New(t.Context(), s3source.Config{Bucket: "b", Profile: "nobody"})
	if err == nil || !strings.Contains(err.Error(), `AWS profile "nobody" is not configured`) {
		t.Errorf("got %v", err)
	}
}

func TestEndpointFromEnvironment(t *testing.T) {
	key := sourcetest.Key(account, "us-east-1", date(2), "A")
	server := start(t, s3server.Config{}, map[string][]byte{key: []byte("x")})
	for _, env := range server.Env() {
		name, value, _ := strings.Cut(env, "=")
		t.Setenv(name, value)
	}
	src := open(t, s3source.Config{Bucket: server.Bucket()})
	if n := len(sourcetest.List(t, src, ingest.Selection{})); n != 1 {
		t.Errorf("listed %d objects", n)
	}
}

func TestTenThousandObjects(t *testing.T) {
	files := make(map[string][]byte)
	for n := range 10_000 {
		at := date(1).AddDate(0, 0, n%3).Add(time.Duration(n%700) * time.Minute)
		files[sourcetest.Key(account, "us-east-1", at, fmt.Sprintf("%016d", n))] = []byte("x")
	}
	src := open(t, configFor(start(t, s3server.Config{}, files)))
	began := time.Now()
	objs := sourcetest.List(t, src, ingest.Selection{From: date(1)})
	listed := time.Since(began)
	if len(objs) != len(files) {
		t.Fatalf("listed %d objects", len(objs))
	}
	began = time.Now()
	var failed atomic.Int64
	work := make(chan ingest.Object)
	done := make(chan struct{})
	for range 16 {
		go func() {
			defer func() { done <- struct{}{} }()
			for obj := range work {
				if _, err := src.Read(t.Context(), obj, nil, 10); err != nil {
					failed.Add(1)
				}
			}
		}()
	}
	for _, obj := range objs[:2000] {
		work <- obj
	}
	close(work)
	for range 16 {
		<-done
	}
	if n := failed.Load(); n > 0 {
		t.Errorf("%d reads failed", n)
	}
	t.Logf("listed %.0f objects/s, read %.0f objects/s", 10_000/listed.Seconds(), 2000/time.Since(began).Seconds())
}

func TestCost(t *testing.T) {
	if got := fmt.Sprintf("%.4f", s3source.Cost(ingest.Requests{List: 2000, Get: 10_000})); got != "0.0140" {
		t.Errorf("cost %s", got)
	}
}

// closedPort returns an address of this machine where nothing listens.
func closedPort(t *testing.T) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}
