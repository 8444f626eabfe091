package dashboards

import (
	"fmt"
	"slices"
	"testing"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/palette"
)

// Values on a colour are read in both themes when it is of the palette.
func TestPills(t *testing.T) {
	for _, d := range All() {
		for _, p := range flat(d.Panels) {
			if p.FieldConfig == nil {
				continue
			}
			for _, o := range p.FieldConfig.Overrides {
				if !slices.ContainsFunc(o.Properties, func(p Property) bool { return p.ID == pill.ID && fmt.Sprint(p.Value) == fmt.Sprint(pill.Value) }) {
					continue
				}
				found := colorsOf(o)
				if len(found) == 0 {
					t.Errorf("%s, %s: the values of %v have no colour", d.UID, p.Title, o.Matcher.Options)
				}
				for _, c := range found {
					if !slices.Contains(palette.All(), c) {
						t.Errorf("%s, %s: the values of %v stand on %s, which is not of the palette", d.UID, p.Title, o.Matcher.Options, c)
					}
				}
			}
		}
	}
}

// colorsOf are those that an override gives.
func colorsOf(o Override) []string {
	var out []string
	for _, p := range o.Properties {
		switch v := p.Value.(type) {
		case Color:
			out = append(out, v.FixedColor)
		case []Mapping:
			for _, m := range v {
				options, _ := m.Options.(map[string]any)
				for _, o := range options {
					if word, ok := o.(map[string]any); ok {
						out = append(out, fmt.Sprint(word["color"]))
					}
				}
			}
		}
	}
	return out
}

// flat has the panels of rows too.
func flat(panels []Panel) []Panel {
	var out []Panel
	for _, p := range panels {
		out = append(append(out, p), flat(p.Panels)...)
	}
	return out
}
