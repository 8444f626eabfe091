package s3server_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/kmstrail/kmstrail/internal/s3server"
)

// put writes an object, with a condition when it must be new.
func put(t *testing.T, c *s3.Client, key, body string, mustBeNew bool) error {
	t.Helper()
	in := s3.PutObjectInput{Bucket: aws.String(s3server.DefaultBucket), Key: &key, Body: strings.NewReader(body)}
	if mustBeNew {
		in.IfNoneMatch = aws.String("*")
	}
	_, err := c.PutObject(t.Context(), &in)
	return err
}

func get(t *testing.T, c *s3.Client, key string) (string, error) {
	t.Helper()
	out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(s3server.DefaultBucket), Key: &key})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	return string(body), err
}

func TestPut(t *testing.T) {
	server := start(t, s3server.Config{Writable: true}, map[string]string{"a/1": "old"})
	c := client(server)
	for _, step := range []struct {
		key, body string
		mustBeNew bool
		want      string
	}{
		{"a/1", "new", false, ""},
		{"a/1", "newer", true, "PreconditionFailed"},
		{"a/b=c/x y+ü", "fresh", true, ""},
		{"../out", "", false, "InvalidURI"},
		{"a//b", "", false, "InvalidURI"},
	} {
		if err := put(t, c, step.key, step.body, step.mustBeNew); code(err) != step.want || step.want == "" && err != nil {
			t.Errorf("put %s: got %v, want %q", step.key, err, step.want)
		}
	}
	for key, want := range map[string]string{"a/1": "new", "a/b=c/x y+ü": "fresh"} {
		if got, err := get(t, c, key); got != want {
			t.Errorf("%s: got %q, %v", key, got, err)
		}
	}
	if got, _ := list(t, c, s3.ListObjectsV2Input{}); !slices.Equal(got, []string{"a/1", "a/b=c/x y+ü"}) {
		t.Errorf("listed %q", got)
	}
	if n := server.Counts().Write; n != 5 {
		t.Errorf("counted %d writes", n)
	}
}

func TestPut_oneWins(t *testing.T) {
	c := client(start(t, s3server.Config{Writable: true}, nil))
	const writers = 50
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { errs[i] = put(t, c, "d/x", fmt.Sprint(i), true) })
	}
	wg.Wait()
	winner := slices.Index(errs, nil)
	for i, err := range errs {
		if i != winner && code(err) != "PreconditionFailed" {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	if body, err := get(t, c, "d/x"); body != fmt.Sprint(winner) {
		t.Errorf("writer %d won, the object is of %q, %v", winner, body, err)
	}
}

func TestDelete(t *testing.T) {
	c := client(start(t, s3server.Config{Writable: true}, map[string]string{"a/1": "1", "a/2": "2"}))
	remove := func(key string) error {
		_, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String(s3server.DefaultBucket), Key: &key})
		return err
	}
	for range 2 { // the second time there is none
		if err := remove("a/1"); err != nil {
			t.Error(err)
		}
	}
	if got, _ := list(t, c, s3.ListObjectsV2Input{}); !slices.Equal(got, []string{"a/2"}) {
		t.Errorf("listed %q", got)
	}
	if _, err := get(t, c, "a/1"); code(err) != "NoSuchKey" {
		t.Errorf("read a deleted object: %v", err)
	}
}
