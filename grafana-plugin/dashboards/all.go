package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// All returns the dashboards, in the order in which one goes through them.
func All() []Dashboard {
	return []Dashboard{
		overview(), key(), principal(), findings(),
		crossAccount(), quota(), cost(), coverage(),
	}
}

// File is the name of its file in src/dashboards.
func (d Dashboard) File() string { return d.UID[len("kmstrail-"):] + ".json" }

// JSON is what Grafana reads.
func (d Dashboard) JSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("write dashboard %s: %w", d.UID, err)
	}
	return b.Bytes(), nil
}
