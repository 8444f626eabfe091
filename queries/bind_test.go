package queries_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kmstrail/kmstrail/queries"
)

func someTime(days int) time.Time { return time.Date(2026, 1, 4+days, 0, 0, 0, 0, time.UTC) }

func TestGet_namesTheNearest(t *testing.T) {
	_, err := queries.Get("key_user")
	if err == nil || !strings.Contains(err.Error(), `did you mean "key_users"?`) {
		t.Errorf("got %v", err)
	}
}

func TestBind(t *testing.T) {
	q, err := queries.Get("event_lookup")
	if err != nil {
		t.Fatal(err)
	}
	window := queries.Window{Start: someTime(0), End: someTime(1)}
	for _, c := range []struct {
		name   string
		params map[string]string
		window queries.Window
		want   string // part of the error; "" for none
	}{
		{"defaults", nil, window, ""},
		{"given", map[string]string{"max_rows": "5", "key_arn": "x"}, window, ""},
		{"misspelt", map[string]string{"max_row": "5"}, window, `bind query event_lookup: there is no parameter "max_row"; did you mean "max_rows"?`},
		{"not a number", map[string]string{"max_rows": "many"}, window, `parameter "max_rows": "many" is not a whole number`},
		{"empty window", nil, queries.Window{Start: someTime(1), End: someTime(1)}, "the window is empty"},
		{"no window", nil, queries.Window{}, "the window has no start or no end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, err := q.Bind(c.params, c.window)
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("got error %v, want one with %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(st.SQL, "?"); n != len(st.Args) || strings.Contains(st.SQL, "$") {
				t.Errorf("%d placeholders, %d arguments, in\n%s", n, len(st.Args), st.SQL)
			}
		})
	}
}
