package macros

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// definition is a macro and what it does.
type definition struct {
	Macro
	// least and most are how many arguments it takes.
	least, most int
	// bare says that it is written without brackets.
	bare   bool
	expand func(x *expander, c *call) error
}

func timeFilter(x *expander, c *call) error {
	from, to, err := x.env.window()
	if err != nil {
		return err
	}
	if len(c.args) == 2 {
		grain, err := x.interval(c.args[1])
		if err != nil {
			return err
		}
		from = floor(from, grain)
	}
	return x.between(c.args[0], timestamp(from), timestamp(to))
}

func dateFilter(x *expander, c *call) error {
	from, to, err := x.env.window()
	if err != nil {
		return err
	}
	if len(c.args) == 2 {
		switch grain := strings.ToLower(unquote(x.text(c.args[1]))); grain {
		case "day":
		case "month":
			from = from.AddDate(0, 0, 1-from.Day())
		default:
			return x.wrong(c.args[1].first, c.args[1].last, "%q is neither day nor month", grain)
		}
	}
	// The end is exclusive: at midnight it touches nothing of the new day.
	return x.between(c.args[0], date(from), date(to.Add(day-time.Microsecond)))
}

// between writes a half-open range.
func (x *expander) between(a argument, from, to string) error {
	x.write("(")
	if err := x.expression(a); err != nil {
		return err
	}
	x.write(" >= %s AND ", from)
	if err := x.expression(a); err != nil {
		return err
	}
	x.write(" < %s)", to)
	return nil
}

func timeFrom(x *expander, _ *call) error {
	from, _, err := x.env.window()
	x.write("%s", timestamp(from))
	return err
}

func timeTo(x *expander, _ *call) error {
	_, to, err := x.env.window()
	x.write("%s", timestamp(to))
	return err
}

func panelInterval(x *expander, _ *call) error {
	x.write("%s", length(x.env.interval()))
	return nil
}

func panelMilliseconds(x *expander, _ *call) error {
	x.write("%d", x.env.interval().Milliseconds())
	return nil
}

func timeGroup(x *expander, c *call) error {
	width, err := x.interval(c.args[1])
	if err != nil {
		return err
	}
	alias := c.definition.Name == "$__timeGroupAlias"
	if alias || !x.named {
		x.result.Bucket, x.named = width, alias
	}
	if len(c.args) == 3 {
		if x.result.Fill, err = x.fill(c.args[2]); err != nil {
			return err
		}
	}
	x.write("time_bucket(%s, ", length(width))
	if err := x.run(c.args[0].first, c.args[0].last, true); err != nil {
		return err
	}
	x.write(")")
	if alias {
		x.write(` AS "time"`)
	}
	return nil
}

var autoOf = regexp.MustCompile(`^auto\s*\(\s*(.*?)\s*\)$`)

// interval reads an argument that is the width of a time group.
func (x *expander) interval(a argument) (time.Duration, error) {
	text := unquote(x.text(a))
	if text == "auto" {
		return x.env.auto(0), nil
	}
	if text == "$__interval" {
		return x.env.interval(), nil
	}
	m := autoOf.FindStringSubmatch(text)
	if m != nil {
		text = unquote(m[1])
	}
	d, err := ParseInterval(text)
	if err != nil {
		return 0, x.wrong(a.first, a.last, "%s", err)
	}
	if m != nil {
		d = x.env.auto(d)
	}
	return d, nil
}

// fill reads an argument that says what empty time groups hold.
func (x *expander) fill(a argument) (*Fill, error) {
	s := unquote(x.text(a))
	switch strings.ToLower(s) {
	case "null":
		return &Fill{Mode: FillNull}, nil
	case "previous":
		return &Fill{Mode: FillPrevious}, nil
	case "zero":
		return &Fill{Mode: FillZero}, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v != v || v-v != 0 {
		return nil, x.wrong(a.first, a.last, "%q fills nothing: write NULL, previous, zero or a number", s)
	}
	return &Fill{Mode: FillValue, Value: v}, nil
}

// filterBy returns a filter on a column by a variable, which an argument can
// name instead.
func filterBy(variable string) func(*expander, *call) error {
	return func(x *expander, c *call) error {
		if len(c.args) == 1 {
			return x.filter(c.args[0], variable, "in")
		}
		name, err := x.variable(c.args[1])
		if err != nil {
			return err
		}
		return x.filter(c.args[0], name, "in")
	}
}

func filter(x *expander, c *call) error {
	name, err := x.variable(c.args[1])
	if err != nil {
		return err
	}
	operator := "in"
	if len(c.args) == 3 {
		operator = strings.ToLower(strings.Join(strings.Fields(unquote(x.text(c.args[2]))), " "))
		if !takesVariable[operator] {
			return x.wrong(c.args[2].first, c.args[2].last, "%q is no operator: write one of 'in', 'not in', 'like', 'not like', '=~', '!~', '<', '<=', '>', '>=', 'has', 'has not'", operator)
		}
	}
	return x.filter(c.args[0], name, operator)
}

// takesVariable are the operators of $__filter. has and has not are for lists.
var takesVariable = map[string]bool{
	"=": true, "!=": true, "in": true, "not in": true, "like": true, "not like": true, "=~": true, "!~": true,
	"<": true, "<=": true, ">": true, ">=": true, "has": true, "has not": true,
}

// filter writes the comparison with the values of a variable; TRUE when there
// is nothing to compare with.
func (x *expander) filter(column argument, name, operator string) error {
	values := x.env.values(name)
	if len(values) == 0 {
		x.notice("The variable %s has no value here, so nothing is filtered by it.", name)
	}
	if len(values) == 0 || values[0] == All {
		x.write("TRUE")
		return nil
	}
	columnType := ""
	switch operator {
	case "has":
		columnType, operator = "VARCHAR[]", "in"
	case "has not":
		columnType, operator = "VARCHAR[]", "not in"
	}
	conditions, err := alternatives(operand, columnType, operator, values)
	if err != nil {
		return fmt.Errorf("variable %s: %w", name, err)
	}
	return x.condition("("+strings.Join(conditions, " OR ")+")", column)
}

// values returns those of a variable: none when it is not set, and All alone
// when it stands among others. A variable that is nothing but empty has none.
func (e *Env) values(name string) []string {
	values := e.Variables[name]
	some := false
	for _, v := range values {
		if v == All {
			return []string{All}
		}
		some = some || v != ""
	}
	if !some {
		return nil
	}
	return values
}

var variableName = regexp.MustCompile(`^(?:\$(\w+)|\$\{(\w+)(?::\w+)?\}|(\w+))$`)

// variable reads an argument that names a variable: key, $key, ${key} or 'key'.
func (x *expander) variable(a argument) (string, error) {
	m := variableName.FindStringSubmatch(unquote(x.text(a)))
	if m == nil {
		return "", x.wrong(a.first, a.last, "%.50q names no variable: write its name alone, such as key", x.text(a))
	}
	return m[1] + m[2] + m[3], nil
}

func adHocFilters(x *expander, c *call) error {
	prefix, table := "", ""
	if len(c.args) == 1 {
		a := c.args[0]
		if k := x.tokens[a.first].kind; a.last != a.first+1 || k != word && k != quoted {
			return x.wrong(a.first, a.last, "%q is no alias of a table", x.text(a))
		}
		table = x.source(a.first)
		prefix = table + "."
	}
	x.result.AdHoc = true
	var conditions []string
	for _, f := range x.env.AdHoc {
		condition, err := x.adHoc(f, prefix, unquote(table))
		if err != nil {
			return fmt.Errorf("ad hoc filter on %s: %w", f.Key, err)
		}
		if condition != "" {
			conditions = append(conditions, condition)
		}
	}
	if len(conditions) == 0 {
		x.write("TRUE")
		return nil
	}
	x.write("(%s)", strings.Join(conditions, " AND "))
	return nil
}

// adHoc writes one ad hoc filter, "" for one that does not concern the
// statement. The table is the one that the macro names, "" if it does not.
func (x *expander) adHoc(f AdHoc, prefix, table string) (string, error) {
	if f.Key == "" || x.env.Columns != nil && !x.env.Columns(table, f.Key) {
		x.notice("The ad hoc filter on %q was left out: there is no such column here.", f.Key)
		return "", nil
	}
	columnType := ""
	if x.env.Type != nil {
		columnType = x.env.Type(table, f.Key)
	}
	return f.condition(prefix+Identifier(f.Key), columnType)
}

// unquote removes the quotes around an argument that is a word.
func unquote(s string) string {
	s = strings.TrimSpace(s)
	if n := len(s); n >= 2 && (s[0] == '\'' || s[0] == '"') && s[n-1] == s[0] {
		return strings.TrimSpace(s[1 : n-1])
	}
	return s
}

// hints are for names that other datasources, or Grafana, have.
var hints = map[string]string{
	"$__from": "$__timeFrom()", "$__to": "$__timeTo()",
	"$__unixEpochFilter": "$__timeFilter(column)", "$__unixEpochFrom": "$__timeFrom()", "$__unixEpochTo": "$__timeTo()",
	"$__unixEpochGroup": "$__timeGroup(column, interval)", "$__dateBin": "$__timeGroup(column, interval)",
	"$__timeInterval": "$__timeGroup(column, auto)", "$__rate_interval": "$__interval", "$__timeRange": "$__timeFilter(column)",
	"$__rawTimeFrom": "$__timeFrom()", "$__rawTimeTo": "$__timeTo()", "$__conditionalAll": "$__filter(column, variable)",
	"$__range_ms": "epoch_ms($__timeTo()) - epoch_ms($__timeFrom())", "$__range_s": "epoch($__timeTo()) - epoch($__timeFrom())",
	"$__range": "$__timeTo() - $__timeFrom()",
}

// suggestion says what to write instead of a macro that there is not.
func (x *expander) suggestion(name string) string {
	if s, ok := hints[name]; ok {
		return ": write " + s
	}
	if len(name) > 40 {
		return ""
	}
	best, distance := "", len(name)/2
	for _, d := range x.known {
		if n := edits(strings.ToLower(name), strings.ToLower(d.Name)); n < distance {
			best, distance = d.Signature, n
		}
	}
	if best == "" {
		return ""
	}
	return ": did you mean " + best + "?"
}

// edits counts the characters to add, remove or replace to make b of a.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// keyID is a key id: that of a key of one Region, or of several.
var keyID = regexp.MustCompile(`^(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)

// keyFilter takes key ids besides ARNs: people have them from the console.
func keyFilter(x *expander, c *call) error {
	name := "key"
	if len(c.args) == 2 {
		var err error
		if name, err = x.variable(c.args[1]); err != nil {
			return err
		}
	}
	var ids, arns []string
	for _, v := range distinct(x.env.values(name)) {
		if keyID.MatchString(v) {
			ids = append(ids, v)
		} else {
			arns = append(arns, v)
		}
		if strings.HasPrefix(v, "alias/") {
			x.notice("The variable %s has the alias %s; it needs key ARNs or key ids.", name, v)
		}
	}
	if len(ids) == 0 {
		return x.filter(c.args[0], name, "in")
	}
	var parts []string
	if len(arns) > 0 {
		condition, err := Condition(operand, "VARCHAR", "in", arns)
		if err != nil {
			return fmt.Errorf("variable %s: %w", name, err)
		}
		parts = append(parts, condition)
	}
	for _, id := range ids {
		parts = append(parts, fmt.Sprintf("ends_with(%s, ':key/%s')", operand, id))
	}
	return x.condition("("+strings.Join(parts, " OR ")+")", c.args[0])
}
