package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/kmstrail/kmstrail/grafana-plugin/dashboards"
)

// provision is what Grafana is given: the files of deploy/grafana, changed where a
// demo is not a deployment.
type provision struct {
	datasources, contactPoints, templates, rules map[string]any
	dashboards                                   []dashboards.Dashboard
}

// provision reads the files. The sample is of a month that has passed: dashboards
// begin with it, and rules look back from an incident in it, so that one fires.
func (d *demo) provision(now time.Time) (provision, error) {
	var p provision
	for _, f := range []struct {
		name string
		into *map[string]any
	}{
		{"datasources/kmstrail.yaml", &p.datasources},
		{"alerting/contact-points.yaml", &p.contactPoints},
		{"alerting/templates.yaml", &p.templates},
		{"alerting/rules.yaml", &p.rules},
	} {
		text, err := os.ReadFile(filepath.Join(d.deploy, filepath.FromSlash(f.name)))
		if err != nil {
			return p, err
		}
		if err := yaml.Unmarshal(text, f.into); err != nil {
			return p, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	for source := range objects(p.datasources, "datasources") {
		source["url"] = d.server.Address
		source["secureJsonData"] = map[string]any{"token": d.server.Token}
		delete(source, "jsonData")
	}
	for point := range objects(p.contactPoints, "contactPoints") {
		for receiver := range objects(point, "receivers") {
			receiver["settings"].(map[string]any)["url"] = d.hook
		}
	}
	behind := int64(now.Sub(d.incident()) / time.Second)
	for group := range objects(p.rules, "groups") {
		group["interval"] = "1m"
		for rule := range objects(group, "rules") {
			if rule["uid"] == "kmstrail-detector" {
				continue // it is about how kmstrail runs, which is now
			}
			for query := range objects(rule, "data") {
				if span, ok := query["relativeTimeRange"].(map[string]any); ok {
					span["from"], span["to"] = seconds(span["from"])+behind, seconds(span["to"])+behind
				}
			}
		}
	}
	p.dashboards = dashboards.All()
	for i := range p.dashboards {
		p.dashboards[i].Time = dashboards.Range{From: d.truth.Start.Format(time.RFC3339), To: d.truth.End.Format(time.RFC3339)}
	}
	return p, nil
}

// incident is when a key that is pending deletion was called. Rules that look back
// over two hours see it for as long.
func (d *demo) incident() time.Time {
	for _, f := range d.truth.Findings {
		if f.Scenario == "pending-orders-batch" {
			return f.LastSeen.Add(time.Minute)
		}
	}
	return d.truth.LastEvent
}

// objects goes through a list of objects.
func objects(of map[string]any, name string) func(func(map[string]any) bool) {
	return func(yield func(map[string]any) bool) {
		list, _ := of[name].([]any)
		for _, v := range list {
			if o, ok := v.(map[string]any); ok && !yield(o) {
				return
			}
		}
	}
}

// seconds is a number of a YAML file.
func seconds(v any) int64 {
	switch v := v.(type) {
	case uint64:
		return int64(v)
	case int64:
		return v
	}
	return 0
}

// write makes the folder of provisioning for a Grafana that sees it at seen.
func (p provision) write(dir, seen string) error {
	board := map[string]any{"apiVersion": 1, "providers": []any{map[string]any{
		"name": "kmstrail", "folder": "KMS", "type": "file", "allowUiUpdates": true,
		"options": map[string]any{"path": filepath.Join(seen, "json")},
	}}}
	for name, content := range map[string]any{
		"datasources/kmstrail.yaml":    p.datasources,
		"dashboards/kmstrail.yaml":     board,
		"alerting/contact-points.yaml": p.contactPoints,
		"alerting/templates.yaml":      p.templates,
		"alerting/rules.yaml":          p.rules,
	} {
		// JSON is YAML.
		text, err := json.Marshal(content)
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if err := put(filepath.Join(dir, filepath.FromSlash(name)), text); err != nil {
			return err
		}
	}
	for _, b := range p.dashboards {
		text, err := b.JSON()
		if err != nil {
			return err
		}
		if err := put(filepath.Join(dir, "json", b.File()), text); err != nil {
			return err
		}
	}
	// Grafana complains where one is missing.
	return os.MkdirAll(filepath.Join(dir, "plugins"), 0o700)
}

func put(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
