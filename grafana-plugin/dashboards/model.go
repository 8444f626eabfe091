package dashboards

import "github.com/kmstrail/kmstrail/grafana-plugin/pkg/builder"

// The types are those of Grafana's classic JSON of a dashboard, as far as they
// are used here.

// Dashboard is one of Grafana.
type Dashboard struct {
	UID           string         `json:"uid"`
	Title         string         `json:"title"`
	Description   string         `json:"description"`
	Tags          []string       `json:"tags"`
	SchemaVersion int            `json:"schemaVersion"`
	Version       int            `json:"version"`
	Editable      bool           `json:"editable"`
	GraphTooltip  int            `json:"graphTooltip"`
	Refresh       string         `json:"refresh"`
	Time          Range          `json:"time"`
	Timepicker    struct{}       `json:"timepicker"`
	Timezone      string         `json:"timezone"`
	WeekStart     string         `json:"weekStart"`
	Links         []Link         `json:"links"`
	Templating    Templating     `json:"templating"`
	Annotations   AnnotationList `json:"annotations"`
	Panels        []Panel        `json:"panels"`
}

// Range is a range of time, such as now-7d to now.
type Range struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Templating has the dashboard's variables.
type Templating struct {
	List []Variable `json:"list"`
}

// AnnotationList has what is marked in time.
type AnnotationList struct {
	List []Annotation `json:"list"`
}

// Source is a reference to a data source.
type Source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// Link is a link of a dashboard, a panel or a field.
type Link struct {
	Title       string   `json:"title"`
	URL         string   `json:"url,omitempty"`
	Type        string   `json:"type,omitempty"`
	Tags        []string `json:"tags,omitempty"`
	AsDropdown  bool     `json:"asDropdown,omitempty"`
	IncludeVars bool     `json:"includeVars,omitempty"`
	KeepTime    bool     `json:"keepTime,omitempty"`
	Icon        string   `json:"icon,omitempty"`
	Tooltip     string   `json:"tooltip,omitempty"`
}

// Variable is a dashboard's variable. Query is a string for the type datasource,
// a VariableQuery for the type query.
type Variable struct {
	Type       string   `json:"type"`
	Name       string   `json:"name"`
	Label      string   `json:"label"`
	Hide       int      `json:"hide"`
	Datasource *Source  `json:"datasource,omitempty"`
	Query      any      `json:"query,omitempty"`
	Multi      bool     `json:"multi,omitempty"`
	IncludeAll bool     `json:"includeAll,omitempty"`
	Refresh    int      `json:"refresh,omitempty"`
	Sort       int      `json:"sort,omitempty"`
	Regex      string   `json:"regex,omitempty"`
	Current    *Current `json:"current,omitempty"`
	// BaseFilters and Filters are of the type adhoc.
	BaseFilters []struct{} `json:"baseFilters,omitempty"`
	Filters     []struct{} `json:"filters,omitempty"`
}

// VariableQuery is what a variable lists: KmsVariableQuery of src/types.ts.
type VariableQuery struct {
	RefID    string `json:"refId"`
	Variable string `json:"variable"`
	SQL      string `json:"sql,omitempty"`
	// Uses is as in Query.
	Uses []string `json:"uses,omitempty"`
}

// Current is what is chosen of a variable.
type Current struct {
	Text  any `json:"text"`
	Value any `json:"value"`
}

// Annotation is what is marked in all time series of a dashboard.
type Annotation struct {
	Name       string `json:"name"`
	Datasource Source `json:"datasource"`
	Enable     bool   `json:"enable"`
	Hide       bool   `json:"hide"`
	IconColor  string `json:"iconColor"`
	Target     Query  `json:"target"`
}

// Query is a saved query: KmsQuery of src/types.ts.
type Query struct {
	RefID      string             `json:"refId"`
	Datasource Source             `json:"datasource"`
	Kind       string             `json:"kind"`
	Format     string             `json:"format,omitempty"`
	SQL        string             `json:"sql,omitempty"`
	Builder    *builder.Builder   `json:"builder,omitempty"`
	Named      *NamedQuery        `json:"named,omitempty"`
	Findings   *builder.Findings  `json:"findings,omitempty"`
	Lifecycle  *builder.Lifecycle `json:"lifecycle,omitempty"`
	Fill       string             `json:"fill,omitempty"`
	Legend     string             `json:"legend,omitempty"`
	Limit      int64              `json:"limit,omitempty"`
	// Uses names the variables that macros in SQL use, as ${name}: by it Grafana knows that a
	// panel waits for them and asks again when they change. It does not see them
	// in $__keyFilter(key_arn).
	Uses []string `json:"uses,omitempty"`
}

// NamedQuery asks one of the server's named queries.
type NamedQuery struct {
	ID     string            `json:"id"`
	Params map[string]string `json:"params"`
}

// Panel is a panel, or a row of them.
type Panel struct {
	ID              int              `json:"id"`
	Type            string           `json:"type"`
	Title           string           `json:"title"`
	Description     string           `json:"description,omitempty"`
	GridPos         GridPos          `json:"gridPos"`
	Datasource      *Source          `json:"datasource,omitempty"`
	Targets         []Query          `json:"targets,omitempty"`
	MaxDataPoints   int64            `json:"maxDataPoints,omitempty"`
	Interval        string           `json:"interval,omitempty"`
	TimeFrom        string           `json:"timeFrom,omitempty"`
	HideTime        bool             `json:"hideTimeOverride,omitempty"`
	FieldConfig     *FieldConfig     `json:"fieldConfig,omitempty"`
	Options         map[string]any   `json:"options,omitempty"`
	Transformations []Transformation `json:"transformations,omitempty"`
	Links           []Link           `json:"links,omitempty"`
	// Collapsed and Panels are of the type row.
	Collapsed bool    `json:"collapsed,omitempty"`
	Panels    []Panel `json:"panels,omitempty"`
}

// GridPos is a place in a grid of 24 columns; a unit of height is 38 pixels.
type GridPos struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

// FieldConfig says how values are shown.
type FieldConfig struct {
	Defaults  Field      `json:"defaults"`
	Overrides []Override `json:"overrides"`
}

// Field is how the values of a column are shown.
type Field struct {
	Unit        string         `json:"unit,omitempty"`
	Decimals    *int           `json:"decimals,omitempty"`
	Min         *float64       `json:"min,omitempty"`
	Max         *float64       `json:"max,omitempty"`
	NoValue     string         `json:"noValue,omitempty"`
	DisplayName string         `json:"displayName,omitempty"`
	Color       *Color         `json:"color,omitempty"`
	Thresholds  *Thresholds    `json:"thresholds,omitempty"`
	Mappings    []Mapping      `json:"mappings,omitempty"`
	Links       []Link         `json:"links,omitempty"`
	Custom      map[string]any `json:"custom,omitempty"`
}

// Color says where colours come from: fixed, thresholds, shades and more.
type Color struct {
	Mode       string `json:"mode"`
	FixedColor string `json:"fixedColor,omitempty"`
}

// Thresholds are colours from values on.
type Thresholds struct {
	Mode  string `json:"mode"`
	Steps []Step `json:"steps"`
}

// Step is a colour from a value on; nil is the lowest.
type Step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// Mapping shows values as something else.
type Mapping struct {
	Type    string `json:"type"`
	Options any    `json:"options"`
}

// Override is for some of the columns.
type Override struct {
	Matcher    Matcher    `json:"matcher"`
	Properties []Property `json:"properties"`
}

// Matcher says for which.
type Matcher struct {
	ID      string `json:"id"`
	Options any    `json:"options,omitempty"`
}

// Property is one thing that is shown otherwise.
type Property struct {
	ID    string `json:"id"`
	Value any    `json:"value"`
}

// Transformation is one of Grafana's, in the browser.
type Transformation struct {
	ID      string `json:"id"`
	Options any    `json:"options"`
}
