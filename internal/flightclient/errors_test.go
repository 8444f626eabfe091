package flightclient

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestError_Position(t *testing.T) {
	long := "select key_arn from keys where key_arn like 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' and fooo = 1 and key_arn like 'bbbbbbbbbbbbbbbbbbbb'"
	for name, c := range map[string]struct {
		sql, message string
		line, column int
		ok           bool
	}{
		"short line":            {"select foo from keys", "Binder Error: no\nLINE 1: select foo from keys\n               ^", 1, 8, true},
		"second line":           {"select\n foo from keys", "Binder Error: no\n\nLINE 2:  foo from keys\n         ^", 2, 2, true},
		"characters, not bytes": {"select 'é€', foo", "Binder Error: no\nLINE 1: select 'é€', foo\n                     ^", 1, 14, true},
		"part of a line":        {long, "no\nLINE 1: ...aaaaaaaaaaaaaaaaaaa' and fooo = 1 and key_arn like 'bbb...\n                                    ^", 1, 104, true},
		"part that is twice":    {"select aaaa, aaaa", "no\nLINE 1: ...aaaa...\n             ^", 0, 0, false},
		"part of another text":  {"select 1", "no\nLINE 1: ...foo...\n           ^", 0, 0, false},
		"line that is not":      {"select 1", "no\nLINE 2: select 1\n        ^", 0, 0, false},
		"line out of all range": {"select 1", "no\nLINE 99999999999999999999: select 1\n        ^", 0, 0, false},
		"points before it":      {"select 1", "no\nLINE 1: select 1\n   ^", 0, 0, false},
		"nothing pointed at":    {"select 1", "Out of Memory Error: no", 0, 0, false},
	} {
		line, column, ok := (&Error{Message: c.message}).Position(c.sql)
		if !c.ok {
			if ok {
				t.Errorf("%s: got %d:%d, want none", name, line, column)
			}
			continue
		}
		if line != c.line || column != c.column || !ok {
			t.Errorf("%s: got %d:%d %v, want %d:%d", name, line, column, ok, c.line, c.column)
		}
	}
}

func TestErrorOf(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var said *Error
	if err := errorOf(ctx, status.Error(codes.NotFound, "gone")); !errors.As(err, &said) || said.Code != codes.NotFound || said.Message != "gone" {
		t.Errorf("what the server says: got %v", err)
	}
	plain := errors.New("plain")
	if err := errorOf(ctx, plain); !errors.Is(err, plain) {
		t.Errorf("what nobody says: got %v", err)
	}
	why := errors.New("why")
	cancel(why)
	if err := errorOf(ctx, status.Error(codes.Canceled, "cancelled")); !errors.Is(err, why) {
		t.Errorf("after the end: got %v", err)
	}
}
