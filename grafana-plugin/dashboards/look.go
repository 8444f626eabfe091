package dashboards

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// pluginID is the data source's.
const pluginID = "kmstrail-kms-datasource"

// source is the data source that the variable ds has.
var source = Source{Type: pluginID, UID: "${ds}"}

// The palette. A colour means something: blue that there is nothing to say, orange
// that somebody should look, red that somebody must act, green that it was looked
// at and is well.
const (
	blue = "blue"
	// Large numbers in it have a contrast of 3.7 on white and 5.7 on black; those in
	// Grafana's orange have 2.6 on white, and WCAG AA asks for 3.
	orange = "dark-orange"
	red    = "red"
	green  = "green"
	grey   = "#8e8e99"
	text   = "text"
)

// ---- A dashboard

// kmsDashboard has what all dashboards share. Variables begin with ds; panels are placed in
// order, from left to right, in lines as high as their first panel.
func kmsDashboard(uid, title, description, from string, variables []Variable, annotations []Annotation, panels []Panel) Dashboard {
	for i, v := range variables {
		if q, ok := v.Query.(VariableQuery); ok {
			q.Uses = usedBy(q.SQL)
			variables[i].Query = q
		}
	}
	return Dashboard{
		UID: uid, Title: title, Description: description, Tags: []string{"kmstrail"},
		SchemaVersion: 42, Version: 1, Editable: true, GraphTooltip: 1, Refresh: "5m",
		Time: Range{From: from, To: "now"}, Timezone: "browser", WeekStart: "monday",
		Links: []Link{{
			Title: "KMS dashboards", Type: "dashboards", Tags: []string{"kmstrail"},
			AsDropdown: true, IncludeVars: true, KeepTime: true, Icon: "external link",
		}},
		Templating:  Templating{List: append([]Variable{dsVariable()}, variables...)},
		Annotations: AnnotationList{List: annotations},
		Panels:      place(panels),
	}
}

// place gives panels their places and ids. Ids are those of the order, rows
// included, and follow from the code alone.
func place(panels []Panel) []Panel {
	y, id := 0, 0
	return flow(panels, &y, &id)
}

// flow fills lines of 24 columns, beginning at y.
func flow(panels []Panel, y, id *int) []Panel {
	out := make([]Panel, len(panels))
	x, height, bottom := 0, 0, 0 // of the line, and of its last column
	newLine := func() {
		*y += height
		x, height, bottom = 0, 0, 0
	}
	for i, p := range panels {
		*id++
		p.ID = *id
		g := &p.GridPos
		if g.X == below {
			g.X, g.Y = x-g.W, *y+bottom
		} else {
			if x+g.W > 24 {
				newLine()
			}
			g.X, g.Y = x, *y
			x += g.W
			bottom = 0
		}
		bottom += g.H
		height = max(height, bottom)
		if p.Type == "row" {
			newLine()
			inner := *y
			p.Panels = flow(p.Panels, &inner, id)
		}
		out[i] = p
	}
	newLine()
	return out
}

// below is the place of a panel under the one before it.
const below = -1

// ---- Variables

func dsVariable() Variable {
	return Variable{Type: "datasource", Name: "ds", Label: "Data source", Query: pluginID, Refresh: 1}
}

// onRangeChange is when the values of variables are looked up again.
const onRangeChange = 2

// several is a variable of the plugin that can have several values, or all:
// account, region, principal, detector, severity, status and more.
func several(kind, label string) Variable {
	v := single(kind, label)
	v.Multi, v.IncludeAll = true, true
	v.Current = &Current{Text: []string{"All"}, Value: []string{"$__all"}}
	return v
}

// single is one that always has one value: the first, when nothing is chosen.
func single(kind, label string) Variable {
	return Variable{
		Type: "query", Name: kind, Label: label, Datasource: &source,
		Query: VariableQuery{RefID: "variable", Variable: kind}, Refresh: onRangeChange,
	}
}

// accountAndRegion are what most dashboards begin with.
func accountAndRegion() []Variable {
	return []Variable{several("account", "Account"), several("region", "Region")}
}

// filters are what people click on.
func filters() Variable {
	return Variable{Type: "adhoc", Name: "filters", Label: "Filters", Datasource: &source}
}

// ---- Annotations

// findingMarks mark findings that matter. The lists of f may hold variables.
func annotation(name, color string, enable bool, q Query) Annotation {
	q.RefID, q.Datasource, q.Format, q.Uses = "Anno", source, "annotations", usedBy(q.SQL)
	return Annotation{Name: name, Datasource: source, Enable: enable, IconColor: color, Target: q}
}

// ---- Queries

var macro = regexp.MustCompile(`\$__(?:(account|region|key|principal)Filter\([^(),]*(?:, *([a-z_]+))?\)|filter\((?:[^(),]|\([^()]*\))*, *([a-z_]+))`)

// usedBy names the variables that macros in SQL use.
func usedBy(sql string) []string {
	var out []string
	for _, m := range macro.FindAllStringSubmatch(sql, -1) {
		name := cmp.Or(m[2], m[3], m[1])
		if use := "${" + name + "}"; !slices.Contains(out, use) {
			out = append(out, use)
		}
	}
	slices.Sort(out)
	return out
}

// table is SQL whose rows are shown as they are.
func table(sql string) Query { return Query{Kind: "sql", Format: "table", SQL: sql} }

// series is SQL with $__timeGroupAlias. The legend names series, such as
// {{service}}.
func series(sql, legend string) Query {
	return Query{Kind: "sql", Format: "time_series", SQL: sql, Legend: legend}
}

// named asks a named query over the panel's range. Params are name, value,
// name, value.
func named(id string, params ...string) Query {
	q := Query{Kind: "named", Format: "table", Named: &NamedQuery{ID: id, Params: map[string]string{}}}
	for i := 0; i+1 < len(params); i += 2 {
		q.Named.Params[params[i]] = params[i+1]
	}
	return q
}

// ---- Panels

// panel is what all of them share. Empty is what stands there instead of
// nothing: why there may be nothing.
func panel(kind, title, description, empty string, w, h int, queries []Query) Panel {
	for i := range queries {
		queries[i].RefID = string(rune('A' + i))
		queries[i].Datasource = source
		queries[i].Uses = usedBy(queries[i].SQL)
	}
	return Panel{
		Type: kind, Title: title, Description: description, Datasource: &source, Targets: queries,
		GridPos: GridPos{W: w, H: h}, MaxDataPoints: pointsPerPanel,
		FieldConfig: &FieldConfig{
			Defaults:  Field{NoValue: empty, Color: &Color{Mode: "fixed", FixedColor: blue}, Custom: map[string]any{}},
			Overrides: []Override{},
		},
		Options: map[string]any{},
	}
}

// stat is a tile with one big number. Six of them make the first line.
func stat(title, description, empty, unit string, q Query) Panel {
	p := panel("stat", title, description, empty, 4, 4, []Query{q}).unit(unit)
	p.Options = map[string]any{
		"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
		"colorMode":     "value", "graphMode": "none", "justifyMode": "center", "textMode": "value",
		"orientation": "auto", "wideLayout": true, "showPercentChange": false,
	}
	return p
}

// pointsPerPanel makes bars as wide as can be told apart from afar: an hour for a
// day, six for a week, a day for a month, as Grafana rounds. All panels have as many,
// so that they read the same sums, see usage.
const pointsPerPanel = 25

// bars is a time series of counts, stacked.
func bars(title, description, empty string, w, h int, q ...Query) Panel {
	p := lines(title, description, empty, w, h, q...)
	c := p.FieldConfig.Defaults.Custom
	c["drawStyle"], c["fillOpacity"], c["lineWidth"] = "bars", 80, 0
	c["stacking"] = map[string]any{"mode": "normal", "group": "A"}
	c["barAlignment"] = 1
	p.FieldConfig.Defaults.Min = number(0)
	return p
}

// lines is a time series.
func lines(title, description, empty string, w, h int, q ...Query) Panel {
	p := panel("timeseries", title, description, empty, w, h, q).unit("short")
	p.FieldConfig.Defaults.Color = &Color{Mode: "palette-classic-by-name"}
	p.FieldConfig.Defaults.Custom = map[string]any{
		"drawStyle": "line", "lineWidth": 2, "fillOpacity": 10, "showPoints": "never", "spanNulls": false,
		"axisBorderShow": false, "axisLabel": "", "axisSoftMin": 0,
	}
	p.Options = map[string]any{
		"legend": map[string]any{
			"displayMode": "table", "placement": "right", "showLegend": true, "calcs": []string{"sum"},
			"sortBy": "Total", "sortDesc": true, "width": 320,
		},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc", "hideZeros": true},
	}
	return p
}

// grid is a table.
func grid(title, description, empty string, w, h int, q ...Query) Panel {
	p := panel("table", title, description, empty, w, h, q)
	p.FieldConfig.Defaults.Custom = map[string]any{
		"align": "auto", "cellOptions": map[string]any{"type": "auto"},
	}
	// Links of overrides add up: a column with a link of its own has another name.
	p = p.fields("^(event|event_id|Event|Event ID|End event ID)$", leads(rawEvent("${__from}", "${__to}")))
	// Seconds and no milliseconds, which Grafana shows where times lie close together.
	p = p.override(Matcher{ID: "byType", Options: "time"}, unit("time:YYYY-MM-DD HH:mm:ss"))
	p.Options = map[string]any{"showHeader": true, "cellHeight": "sm", "footer": map[string]any{"show": false, "reducer": []string{"sum"}}}
	// The text is for a table without rows; a value that is not there is a dash.
	return p.fields(".*", Property{ID: "noValue", Value: "–"})
}

// ranking is bars, one for each row of name and number. It is a table, since
// Grafana's bar gauge leaves out the name where there is one row.
func ranking(title, description, empty string, w, h int, q Query) Panel {
	p := grid(title, description, empty, w, h, q).option("showHeader", false).override(Matcher{ID: "byType", Options: "number"},
		Property{ID: "custom.cellOptions", Value: map[string]any{"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}},
		Property{ID: "min", Value: 0}, unit("short"))
	return p
}

// states is coloured stretches of time, one line for each value column.
func states(title, description, empty string, w, h int, q ...Query) Panel {
	p := panel("state-timeline", title, description, empty, w, h, q)
	p.FieldConfig.Defaults.Custom = map[string]any{"fillOpacity": 80, "lineWidth": 0}
	p.Options = map[string]any{
		"mergeValues": true, "showValue": "auto", "alignValue": "left", "rowHeight": 0.85,
		"legend":  map[string]any{"showLegend": false, "displayMode": "list", "placement": "bottom"},
		"tooltip": map[string]any{"mode": "single", "sort": "none"},
	}
	return p
}

// row is a line that opens and shuts the panels behind it.
func row(title string, panels ...Panel) Panel {
	return Panel{Type: "row", Title: title, Collapsed: true, Panels: panels, GridPos: GridPos{W: 24, H: 1}}
}

// ---- What a panel can have besides

func (p Panel) size(w, h int) Panel {
	p.GridPos.W, p.GridPos.H = w, h
	return p
}

// under puts the panel below the one before it, which must be as wide, instead of
// to its right.
func (p Panel) under() Panel {
	p.GridPos.X = below
	return p
}

func (p Panel) unit(unit string) Panel {
	p.FieldConfig.Defaults.Unit = unit
	return p
}

func (p Panel) decimals(n int) Panel {
	p.FieldConfig.Defaults.Decimals = &n
	return p
}

// colours has a base colour and then value, colour, value, colour: from that
// value on.
func (p Panel) colours(base string, steps ...any) Panel {
	t := &Thresholds{Mode: "absolute", Steps: []Step{{Color: base}}}
	for i := 0; i+1 < len(steps); i += 2 {
		t.Steps = append(t.Steps, Step{Value: number(steps[i]), Color: steps[i+1].(string)})
	}
	p.FieldConfig.Defaults.Thresholds = t
	p.FieldConfig.Defaults.Color = &Color{Mode: "thresholds"}
	return p
}

// to has the whole panel lead somewhere: a tile its number, others a sign beside the title.
func (p Panel) to(title, url string) Panel {
	if p.Type == "stat" {
		p.FieldConfig.Defaults.Links = append(p.FieldConfig.Defaults.Links, Link{Title: title, URL: url})
		return p
	}
	p.Links = append(p.Links, Link{Title: title, URL: url})
	return p
}

// says puts what the number is of into the tile, in letters that are read from
// afar; the title stays short, since signs for notices stand beside it.
func (p Panel) says(what string) Panel {
	p.FieldConfig.Defaults.DisplayName = what
	p.Options["textMode"] = "value_and_name"
	p.Options["text"] = map[string]any{"titleSize": 15}
	return p
}

// field changes one column, by the name that it has in the result.
func (p Panel) field(name string, properties ...Property) Panel {
	return p.override(Matcher{ID: "byName", Options: name}, properties...)
}

// fields changes the columns whose names fit a regular expression.
func (p Panel) fields(pattern string, properties ...Property) Panel {
	return p.override(Matcher{ID: "byRegexp", Options: "/" + pattern + "/"}, properties...)
}

func (p Panel) override(m Matcher, properties ...Property) Panel {
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides[:len(p.FieldConfig.Overrides):len(p.FieldConfig.Overrides)], Override{Matcher: m, Properties: properties})
	return p
}

// option sets one of the panel's own options.
func (p Panel) option(name string, value any) Panel {
	p.Options[name] = value
	return p
}

// Properties of columns.

func width(px int) Property       { return Property{ID: "custom.width", Value: px} }
func called(name string) Property { return Property{ID: "displayName", Value: name} }
func unit(name string) Property   { return Property{ID: "unit", Value: name} }
func whole() Property             { return Property{ID: "decimals", Value: 0} }
func coloured(color string) Property {
	return Property{ID: "color", Value: Color{Mode: "fixed", FixedColor: color}}
}

// hidden leaves the column out of what is shown; links of others can use it.
func hidden() Property { return Property{ID: "custom.hideFrom.viz", Value: true} }

// leads makes values links.
func leads(links ...Link) Property { return Property{ID: "links", Value: links} }

// textColours paints the value of a column by thresholds, as in Panel.colours.
func textColours(base string, steps ...any) []Property {
	p := Panel{FieldConfig: &FieldConfig{}}.colours(base, steps...)
	return []Property{
		{ID: "thresholds", Value: p.FieldConfig.Defaults.Thresholds},
		{ID: "color", Value: Color{Mode: "thresholds"}},
		{ID: "custom.cellOptions", Value: map[string]any{"type": "color-text"}},
	}
}

// hide leaves columns out.
func (p Panel) hide(columns ...string) Panel {
	for _, c := range columns {
		// Tables mix up columns that are called alike, hidden ones too.
		p = p.field(c, hidden(), called(c))
	}
	return p
}

// widths sets the widths of columns: name, pixels, name, pixels.
func (p Panel) widths(columns ...any) Panel {
	for i := 0; i+1 < len(columns); i += 2 {
		p = p.field(columns[i].(string), width(columns[i+1].(int)))
	}
	return p
}

func number(v any) *float64 {
	var f float64
	switch v := v.(type) {
	case int:
		f = float64(v)
	case float64:
		f = v
	}
	return &f
}

// ---- Links

// The dashboards, by uid.
const (
	overviewUID     = "kmstrail-overview"
	keyUID          = "kmstrail-key"
	principalUID    = "kmstrail-principal"
	findingsUID     = "kmstrail-findings"
	crossAccountUID = "kmstrail-cross-account"
	quotaUID        = "kmstrail-quota"
	costUID         = "kmstrail-cost"
	coverageUID     = "kmstrail-coverage"
)

// dashboardURL leads to another dashboard over the same range, and the same data
// source. Parts are as in a query string.
func dashboardURL(uid string, parts ...string) string {
	return "/d/" + uid + "?" + strings.Join(append([]string{"${__url_time_range}", "${ds:queryparam}"}, parts...), "&")
}

// same has variables keep their values in the dashboard that a link leads to.
func same(variables ...string) []string {
	var out []string
	for _, v := range variables {
		out = append(out, "${"+v+":queryparam}")
	}
	return out
}

// column sets a variable to the value of a column of the row, which may be hidden.
func column(variable, name string) string {
	return "var-" + variable + "=${__data.fields." + name + ":percentencode}"
}

// toKey leads to the dashboard of the key that a column has the ARN of, and so on.
// Columns are named as in the result of the query.
func toKey() Link {
	return Link{Title: "Key", URL: dashboardURL(keyUID, column("key", "key_arn"))}
}

func toPrincipal(arn string) Link {
	return Link{Title: "Principal", URL: dashboardURL(principalUID, column("principal", arn))}
}

// itself sets a variable to the value of the column that the link is on. Where short
// changes what is shown, only this has the value.
func itself(variable string) string { return "var-" + variable + "=${__value.raw:percentencode}" }

// keyItself and principalItself are for columns of ARNs that short shows.
func keyItself() Link { return Link{Title: "Key", URL: dashboardURL(keyUID, itself("key"))} }

func principalItself() Link {
	return Link{Title: "Principal", URL: dashboardURL(principalUID, itself("principal"))}
}

// rawEvent leads from an event id to the original record in Explore, which looks
// from and to there, milliseconds since 1970. The plugin's own links, which columns
// named event_id, key_arn and principal_arn have, have no range, and Explore begins
// with the last hour: in SQL such columns get other names.
func rawEvent(from, to string) Link {
	pane := `{"kms":{"datasource":"${ds}","queries":[{"refId":"A","datasource":{"type":"` + pluginID + `","uid":"${ds}"},` +
		`"kind":"builder","format":"logs","builder":{"table":"kms_events","filters":[{"column":"event_id","operator":"=","values":["${__value.raw}"]}],"limit":10}}],` +
		`"range":{"from":"` + from + `","to":"` + to + `"}}}`
	return Link{Title: "Original record", URL: "/explore?schemaVersion=1&panes=" + escaped(pane)}
}

var reference = regexp.MustCompile(`\$\{[^}]*\}`)

// escaped is text for a URL; what Grafana puts values in place of stays.
func escaped(s string) string {
	var b strings.Builder
	end := 0
	for _, at := range reference.FindAllStringIndex(s, -1) {
		b.WriteString(url.PathEscape(s[end:at[0]]) + s[at[0]:at[1]])
		end = at[1]
	}
	return b.String() + url.PathEscape(s[end:])
}

// inspected lets long texts be read in full.
func inspected() Property { return Property{ID: "custom.inspect", Value: true} }

// toAccount leads to the overview of the account whose id is in a column.
func toAccount(id string) Link {
	return Link{Title: "Overview of the account", URL: dashboardURL(overviewUID, column("account", id))}
}

// toFindings leads to the findings of the detector that is in a column.
func toFindings() Link {
	return Link{Title: "Findings", URL: dashboardURL(findingsUID, column("detector", "detector_id"))}
}

// toFinding leads to one finding, whose id is in a column.
func toFinding() Link {
	return Link{Title: "Finding and its evidence", URL: dashboardURL(findingsUID, column("finding", "finding_id"))}
}

// paint gives series names their colours; others are grey.
func (p Panel) paint(colors ...string) Panel {
	p.FieldConfig.Defaults.Color = &Color{Mode: "shades", FixedColor: "purple"}
	for i := 0; i+1 < len(colors); i += 2 {
		p = p.override(Matcher{ID: "byRegexp", Options: "/^" + colors[i] + "$/"}, coloured(colors[i+1]))
	}
	return p
}

// operations have the same colours everywhere: blues read, purples write.
func (p Panel) operations() Panel {
	return p.paint("Decrypt", blue, "GenerateDataKey", "light-blue", "GenerateDataKeyWithoutPlaintext", "super-light-blue",
		"Encrypt", "dark-blue", "ReEncrypt", "dark-purple", "CreateGrant", "purple", "RetireGrant", "light-purple",
		"Sign|GenerateMac", "semi-dark-purple", "other", grey)
}

// errors have the colour of what to do about them.
func (p Panel) errors() Panel {
	return p.paint("denied", orange, "throttled", "yellow", "pending_deletion", red, "disabled", "dark-red", "pending_import", "light-red",
		"other", grey, "dry_run", "super-light-blue", "not_found", "light-blue", "bad_ciphertext", "purple", "wrong_key", "light-purple")
}
