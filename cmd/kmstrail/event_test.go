package main

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// TestFindRecord: the original bytes are found in every form of log file, also
// behind a place that is broken for others.
func TestFindRecord(t *testing.T) {
	const a = `{"eventID":"11111111-1111-1111-1111-111111111111","n":1.0}`
	const b = `{ "eventID": "22222222-2222-2222-2222-222222222222", "user\u0041gent":"x" }`
	quoted := strings.ReplaceAll(b, `\`, `\\`)
	quoted = strings.ReplaceAll(quoted, `"`, `\"`)
	id := uuid.MustParse("22222222-2222-2222-2222-222222222222")
	for name, tc := range map[string]struct {
		text  string
		index int64
		want  string
	}{
		"trail_file":    {`{"Records":[` + a + `,` + b + `]}`, 1, b},
		"other_index":   {`{"Records":[` + a + `,` + b + `]}`, 0, b},
		"array":         {`[` + a + `,` + b + `]`, 1, b},
		"json_lines":    {a + "\n" + b + "\n", 1, b},
		"event_bridge":  {`{"detail-type":"x","detail":` + b + `}`, 0, b},
		"lookup_events": {`{"Events":[{"EventId":"x","CloudTrailEvent":"` + quoted + `"}]}`, 0, b},
		"truncated":     {`{"Records":[` + a + `,` + b + `,{"eventID":`, 1, b},
		"bom":           {"\xef\xbb\xbf" + `{"Records":[` + b + `]}`, 0, b},
		"gone":          {`{"Records":[` + a + `]}`, 0, ""},
		"no_json":       {`<html>`, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, body := range [][]byte{[]byte(tc.text), cttest.Gzip([]byte(tc.text))} {
				got, err := findRecord(body, tc.index, id)
				if (err != nil) != (tc.want == "") || string(got) != tc.want {
					t.Errorf("findRecord = %q, %v; want %q", got, err, tc.want)
				}
			}
		})
	}
}
