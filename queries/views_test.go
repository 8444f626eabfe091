package queries_test

import (
	"strings"
	"testing"

	"github.com/kmstrail/kmstrail/internal/sqlfile"
	"github.com/kmstrail/kmstrail/internal/sqllint"
	"github.com/kmstrail/kmstrail/schema"
)

// TestViews holds that every view returns the columns that its header lists,
// and is written in the portable subset. It stands here because it needs a
// database.
func TestViews(t *testing.T) {
	s := openStore(t)
	for _, v := range schema.Views() {
		t.Run(v.Name, func(t *testing.T) {
			var want, got []string
			for _, c := range v.Columns {
				want = append(want, c.Name+" "+c.Type.SQL())
			}
			columns, err := s.Describe(t.Context(), "select * from "+v.Name)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range columns {
				got = append(got, c.Name+" "+c.Type)
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("the view has the columns\n%s\nits header lists\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			file, err := sqlfile.Fragment(v.Name, v.SQL)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range sqllint.Portable(&file, nil) {
				t.Errorf("line %d: %s (%s)", p.Line, p.Message, p.Rule)
			}
		})
	}
}
