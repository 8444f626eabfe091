package s3server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/kmstrail/kmstrail/internal/s3server"
)

func start(t *testing.T, cfg s3server.Config, files map[string]string) *s3server.Server {
	t.Helper()
	cfg.Dir = t.TempDir()
	for key, body := range files {
		name := filepath.Join(cfg.Dir, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	server, err := s3server.Start(context.WithoutCancel(t.Context()), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

func client(server *s3server.Server, change ...func(*s3.Options)) *s3.Client {
	access, secret := server.Credentials()
	o := s3.Options{
		Region: server.Region(), BaseEndpoint: aws.String(server.URL()), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(access, secret, ""),
		Retryer:     aws.NopRetryer{},
	}
	return s3.New(o, change...)
}

// list returns keys and common prefixes of all pages, and the number of pages.
func list(t *testing.T, c *s3.Client, in s3.ListObjectsV2Input) (names []string, pages int) {
	t.Helper()
	in.Bucket = aws.String(s3server.DefaultBucket)
	p := s3.NewListObjectsV2Paginator(c, &in)
	for p.HasMorePages() {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range out.Contents {
			names = append(names, *o.Key)
		}
		for _, p := range out.CommonPrefixes {
			names = append(names, *p.Prefix)
		}
		pages++
	}
	return names, pages
}

func TestList(t *testing.T) {
	files := map[string]string{"b.json": "", "a/1": "", "a/2": "", "a0": "", "a/x y+z/ü": "", ".hidden": "", ".git/x": ""}
	for n := range 2100 {
		files[fmt.Sprintf("many/%04d/file", n)] = ""
	}
	c := client(start(t, s3server.Config{}, files))
	tests := []struct {
		name  string
		in    s3.ListObjectsV2Input
		want  []string
		pages int
	}{
		{"folders", s3.ListObjectsV2Input{Delimiter: aws.String("/")}, []string{"a/", "a0", "b.json", "many/"}, 1},
		{"one at a time", s3.ListObjectsV2Input{Delimiter: aws.String("/"), MaxKeys: aws.Int32(1)}, []string{"a/", "a0", "b.json", "many/"}, 4},
		{"prefix", s3.ListObjectsV2Input{Prefix: aws.String("a")}, []string{"a/1", "a/2", "a/x y+z/ü", "a0"}, 1},
		{"prefix and delimiter", s3.ListObjectsV2Input{Prefix: aws.String("a/"), Delimiter: aws.String("/")}, []string{"a/1", "a/2", "a/x y+z/"}, 1},
		{"prefix ends in a name", s3.ListObjectsV2Input{Prefix: aws.String("a/x"), Delimiter: aws.String("/")}, []string{"a/x y+z/"}, 1},
		{"start after", s3.ListObjectsV2Input{Prefix: aws.String("a"), StartAfter: aws.String("a/2")}, []string{"a/x y+z/ü", "a0"}, 1},
		{"nothing", s3.ListObjectsV2Input{Prefix: aws.String("c")}, nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, pages := list(t, c, tt.in)
			slices.Sort(got)
			if !slices.Equal(got, tt.want) || pages != tt.pages {
				t.Errorf("got %q in %d pages, want %q in %d", got, pages, tt.want, tt.pages)
			}
		})
	}
	for _, in := range []s3.ListObjectsV2Input{
		{Prefix: aws.String("many/")},
		{Prefix: aws.String("many/"), Delimiter: aws.String("/")},
	} {
		got, pages := list(t, c, in)
		if n := len(slices.Compact(slices.Clone(got))); n != 2100 || len(got) != n || pages != 3 || !slices.IsSorted(got) {
			t.Errorf("%d names, %d distinct, in %d pages", len(got), n, pages)
		}
	}
}

func TestGet(t *testing.T) {
	server := start(t, s3server.Config{}, map[string]string{"a/b.json.gz": "0123456789"})
	c := client(server)
	get := func(in s3.GetObjectInput) (string, *s3.GetObjectOutput, error) {
		in.Bucket = aws.String(server.Bucket())
		if in.Key == nil {
			in.Key = aws.String("a/b.json.gz")
		}
		out, err := c.GetObject(t.Context(), &in)
		if err != nil {
			return "", nil, err
		}
		defer out.Body.Close()
		body, err := io.ReadAll(out.Body)
		return string(body), out, err
	}
	body, out, err := get(s3.GetObjectInput{})
	if err != nil || body != "0123456789" || *out.ContentLength != 10 || aws.ToString(out.ContentEncoding) != "gzip" {
		t.Fatalf("got %q, %+v, %v", body, out, err)
	}
	listing, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(server.Bucket())})
	if err != nil || *listing.Contents[0].ETag != *out.ETag || *listing.Contents[0].Size != 10 {
		t.Errorf("listed %+v, %v; ETag read %s", listing.Contents, err, *out.ETag)
	}
	if body, _, err := get(s3.GetObjectInput{Range: aws.String("bytes=2-4")}); body != "234" {
		t.Errorf("range: %q, %v", body, err)
	}
	if _, _, err := get(s3.GetObjectInput{IfMatch: out.ETag}); err != nil {
		t.Errorf("same ETag: %v", err)
	}
	for want, in := range map[string]s3.GetObjectInput{
		"PreconditionFailed": {IfMatch: aws.String(`"other"`)},
		"NoSuchKey":          {Key: aws.String("a/../../etc/passwd")},
		"InvalidRange":       {Range: aws.String("bytes=20-30")},
	} {
		if _, _, err := get(in); code(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(server.Bucket()), Key: aws.String("new")}); code(err) != "AccessDenied" {
		t.Errorf("write to a read-only bucket: %v", err)
	}
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

func TestAuthentication(t *testing.T) {
	server := start(t, s3server.Config{Region: "eu-west-1"}, map[string]string{"x y+=ü": "1"})
	try := func(change func(*s3.Options)) string {
		c := client(server, change)
		_, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(server.Bucket()), Prefix: aws.String("x y+")})
		if err == nil {
			_, err = c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String(server.Bucket()), Key: aws.String("x y+=ü")})
		}
		if err != nil && code(err) == "" {
			t.Fatal(err)
		}
		return code(err)
	}
	access, secret := server.Credentials()
	tests := []struct {
		name   string
		change func(*s3.Options)
		want   string
	}{
		{"right", func(*s3.Options) {}, ""},
		{"unsigned", func(o *s3.Options) { o.Credentials = aws.AnonymousCredentials{} }, "AccessDenied"},
		{"unknown key", func(o *s3.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider("AKIAOTHER", secret, "")
		}, "InvalidAccessKeyId"},
		{"wrong secret", func(o *s3.Options) {
			o.Credentials = credentials.NewStaticCredentialsProvider(access, "wrong", "")
		}, "SignatureDoesNotMatch"},
		{"wrong Region", func(o *s3.Options) { o.Region = "us-east-1" }, "AuthorizationHeaderMalformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := try(tt.change); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRefresh(t *testing.T) {
	dir := t.TempDir()
	server, err := s3server.Start(t.Context(), s3server.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := os.WriteFile(filepath.Join(dir, "late.json"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, _ := list(t, client(server), s3.ListObjectsV2Input{}); len(got) != 0 {
		t.Errorf("listed %q before Refresh", got)
	}
	if err := server.Refresh(); err != nil {
		t.Fatal(err)
	}
	if got, _ := list(t, client(server), s3.ListObjectsV2Input{}); !slices.Equal(got, []string{"late.json"}) {
		t.Errorf("listed %q", got)
	}
}

func TestEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server, err := s3server.Start(ctx, s3server.Config{Dir: t.TempDir(), Faults: s3server.Faults{StallEvery: 1}})
	if err != nil {
		t.Fatal(err)
	}
	stalled := make(chan error)
	go func() {
		resp, err := http.Get(server.URL())
		if err == nil {
			resp.Body.Close()
		}
		stalled <- err
	}()
	cancel()
	if err := <-stalled; err == nil {
		t.Error("a stalled request was answered")
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

func TestStartRefuses(t *testing.T) {
	_, err := s3server.Start(t.Context(), s3server.Config{Dir: filepath.Join(t.TempDir(), "none")})
	if err == nil || !strings.Contains(err.Error(), "open bucket directory") {
		t.Errorf("got %v", err)
	}
}
