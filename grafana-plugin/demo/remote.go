package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// api is that of a Grafana.
type api struct{ url, token, user, password string }

// refused is an answer that is an error.
type refused struct {
	status  int
	message string
}

func (r *refused) Error() string { return fmt.Sprintf("%d %s", r.status, r.message) }

func (a api) do(ctx context.Context, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, content)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	// Otherwise what was made here could not be removed here.
	req.Header.Set("X-Disable-Provenance", "true")
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	} else {
		req.SetBasicAuth(a.user, a.password)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // it has been read
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		var said struct{ Message string }
		if json.Unmarshal(text, &said) != nil {
			said.Message = http.StatusText(res.StatusCode)
		}
		return fmt.Errorf("%s %s: %w", method, path, &refused{res.StatusCode, said.Message})
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

// folder is where everything goes in a Grafana that others use too, and which is
// removed at the end with what is in it.
const folder = "kmstrail-demo"

// remote is a Grafana that runs already and has the plugin. What the demo puts into
// it is its own, and it takes it out again.
func remote(url string) func(context.Context, *demo) (page, error) {
	return func(ctx context.Context, d *demo) (page, error) {
		p, err := d.provision(time.Now())
		if err != nil {
			return page{}, err
		}
		r := &guest{demo: d, api: api{
			url: strings.TrimRight(url, "/"), token: d.getenv("GRAFANA_TOKEN"),
			user: cmp.Or(d.getenv("GRAFANA_USER"), "admin"), password: cmp.Or(d.getenv("GRAFANA_PASSWORD"), "admin"),
		}}
		if err := r.move(ctx, p); err != nil {
			return page{}, errors.Join(fmt.Errorf("set %s up: %w", url, err), r.leave(ctx))
		}
		return page{url: r.api.url + "/d/kmstrail-overview?var-ds=" + folder + r.span(), close: func() error { return r.leave(ctx) }}, nil
	}
}

// guest is what the demo has in another's Grafana.
type guest struct {
	demo *demo
	api  api
	// leaves undo what was done, the last first.
	leaves []func(context.Context) error
}

// span is the sample's range, for dashboards that were there before.
func (g *guest) span() string {
	t := g.demo.truth
	return fmt.Sprintf("&from=%d&to=%d", t.Start.UnixMilli(), t.End.UnixMilli())
}

// leave removes everything, whatever the reason to end is.
func (g *guest) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	var errs []error
	for i := len(g.leaves) - 1; i >= 0; i-- {
		errs = append(errs, g.leaves[i](ctx))
	}
	g.leaves = nil
	return errors.Join(errs...)
}

// add makes something that is removed at the end. What is there already is left as
// it is, then and now.
func (g *guest) add(ctx context.Context, what, method, path string, body any, undo string) error {
	err := g.api.do(ctx, method, path, body, nil)
	var r *refused
	if errors.As(err, &r) && (r.status == http.StatusConflict || r.status == http.StatusPreconditionFailed) {
		g.demo.say("%s is there already, and stays as it is", what)
		return nil
	}
	if err == nil && undo != "" {
		g.leaves = append(g.leaves, func(ctx context.Context) error { return g.api.do(ctx, "DELETE", undo, nil, nil) })
	}
	return err
}

// there tells whether something is there already, which then stays as it is.
func (g *guest) there(ctx context.Context, what, path string) bool {
	if g.api.do(ctx, "GET", path, nil, nil) != nil {
		return false
	}
	g.demo.say("%s is there already, and stays as it is", what)
	return true
}

func (g *guest) move(ctx context.Context, p provision) error {
	if err := g.api.do(ctx, "GET", "/api/plugins/"+pluginID+"/settings", nil, nil); err != nil {
		return fmt.Errorf("it must have the plugin, and GRAFANA_USER and GRAFANA_PASSWORD or GRAFANA_TOKEN must be an administrator's: %w", err)
	}
	for source := range objects(p.datasources, "datasources") {
		source["uid"], source["name"], source["isDefault"] = folder, folder, false
		if err := g.add(ctx, "the data source", "POST", "/api/datasources", source, "/api/datasources/uid/"+folder); err != nil {
			return err
		}
	}
	if err := g.demo.healthy(ctx, g.api, folder); err != nil {
		return err
	}
	if err := g.add(ctx, "the folder", "POST", "/api/folders", map[string]any{"uid": folder, "title": "KMS demo"}, "/api/folders/"+folder+"?forceDeleteRules=true"); err != nil {
		return err
	}
	for _, b := range p.dashboards {
		// Grafana would replace it, and move it into the folder.
		if g.there(ctx, "the dashboard "+b.Title, "/api/dashboards/uid/"+b.UID) {
			continue
		}
		if err := g.add(ctx, "the dashboard "+b.Title, "POST", "/api/dashboards/db", map[string]any{"dashboard": b, "folderUid": folder}, ""); err != nil {
			return err
		}
	}
	return g.alerting(ctx, p)
}

// alerting makes the rules and what they send by.
func (g *guest) alerting(ctx context.Context, p provision) error {
	const paths = "/api/v1/provisioning"
	for template := range objects(p.templates, "templates") {
		name, _ := template["name"].(string)
		path := paths + "/templates/" + name
		if g.there(ctx, "the template "+name, path) {
			continue
		}
		if err := g.add(ctx, "the template "+name, "PUT", path, template, path); err != nil {
			return err
		}
	}
	for point := range objects(p.contactPoints, "contactPoints") {
		for receiver := range objects(point, "receivers") {
			receiver["name"], receiver["uid"] = folder, folder
			if err := g.add(ctx, "the contact point", "POST", paths+"/contact-points", receiver, paths+"/contact-points/"+folder); err != nil {
				return err
			}
		}
	}
	for group := range objects(p.rules, "groups") {
		for rule := range objects(group, "rules") {
			if err := g.rule(ctx, paths+"/alert-rules", rule); err != nil {
				return err
			}
		}
	}
	return nil
}

// rule makes one, which goes with its folder.
func (g *guest) rule(ctx context.Context, path string, rule map[string]any) error {
	uid, _ := rule["uid"].(string)
	rule["uid"], rule["folderUID"], rule["ruleGroup"], rule["orgID"] = "demo-"+uid, folder, "kmstrail", 1
	rule["notification_settings"] = map[string]any{"receiver": folder}
	for query := range objects(rule, "data") {
		if query["datasourceUid"] == "kmstrail" {
			query["datasourceUid"] = folder
		}
	}
	// Removed before the contact point that it names, which came first.
	return g.add(ctx, "the rule "+uid, "POST", path, rule, path+"/demo-"+uid)
}
