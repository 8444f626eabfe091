package builder

import (
	"fmt"
	"strings"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/macros"
)

// Aggregates are those that a [Metric] can have.
var Aggregates = []string{"sum", "count", "count_distinct", "min", "max", "avg", "p50", "p95", "p99"}

// metric returns metric i; without any there is the table's.
func (c *composer) metric(i int) Metric {
	if len(c.Metrics) == 0 {
		return c.table.DefaultMetric()
	}
	return c.Metrics[i]
}

func (c *composer) metrics(series bool) ([]item, error) {
	var out []item
	for i := range max(1, len(c.Metrics)) {
		field := fmt.Sprintf("metrics[%d]", i)
		m := c.metric(i)
		metric, err := c.aggregate(field, m, series)
		if err != nil {
			return nil, err
		}
		if m.Alias != "" {
			metric.name = m.Alias
		}
		if err := c.name(field+".alias", metric.name); err != nil {
			return nil, err
		}
		out = append(out, metric)
	}
	return out, nil
}

// aggregate writes a metric, with the name it has by itself.
func (c *composer) aggregate(field string, m Metric, series bool) (item, error) {
	if m.Aggregate == "count" && c.table.sum != "" {
		return item{}, wrong(field+".aggregate", "a row of %s stands for many calls or records, so a count of rows says little: choose the sum of %s",
			c.table.Name, c.table.sum)
	}
	if m.Aggregate == "count" && m.Column == "" {
		name := c.table.rows
		if name == "" {
			name = "row_count"
		}
		return item{"count(*)", name}, nil
	}
	write, ok := aggregates[m.Aggregate]
	if !ok {
		return item{}, wrong(field+".aggregate", "there is no aggregate %q; there are %s", m.Aggregate, strings.Join(Aggregates, ", "))
	}
	o, err := c.table.operand(field+".column", m.Column)
	if err != nil {
		return item{}, err
	}
	numeric := macros.Numeric(o.columnType)
	switch {
	case write.numeric && !numeric:
		return item{}, wrong(field+".column", "%s is a %s: %s needs a number", o.name, o.columnType, m.Aggregate)
	case write.ordered && isNested(o.columnType):
		return item{}, wrong(field+".column", "%s is a %s, which has no least and no greatest value", o.name, o.columnType)
	case write.ordered && series && !numeric:
		return item{}, wrong(field+".column", "%s is a %s: a time series needs numbers", o.name, o.columnType)
	}
	return item{fmt.Sprintf(write.sql, o.sql), fmt.Sprintf(write.name, o.name)}, nil
}

// aggregates has how each is written and named, %s being the column. What has
// the suffix _count or the name of the column is shown with its unit.
var aggregates = map[string]struct {
	sql, name string
	// numeric ones need a number, ordered ones what has an order.
	numeric, ordered bool
}{
	"sum":            {sql: "sum(%s)", name: "%s", numeric: true},
	"count":          {sql: "count(%s)", name: "%s_count"},
	"count_distinct": {sql: "count(DISTINCT %s)", name: "distinct_%s_count"},
	"min":            {sql: "min(%s)", name: "min_%s", ordered: true},
	"max":            {sql: "max(%s)", name: "max_%s", ordered: true},
	"avg":            {sql: "avg(%s)", name: "avg_%s", numeric: true},
	"p50":            {sql: "quantile_cont(%s, 0.5)", name: "p50_%s", numeric: true},
	"p95":            {sql: "quantile_cont(%s, 0.95)", name: "p95_%s", numeric: true},
	"p99":            {sql: "quantile_cont(%s, 0.99)", name: "p99_%s", numeric: true},
}
