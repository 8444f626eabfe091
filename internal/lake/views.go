package lake

import (
	"fmt"
	"strings"

	"github.com/kmstrail/kmstrail/schema"
)

// changeEvents is the view of the events that change keys.
const changeEvents = "key_change_events"

// Views lists the views that an engine needs over the tables of the lake, in
// the order of creation: those with the names of the store's tables, then those
// of the schema.
func Views() []schema.View {
	views := []schema.View{
		plain(schema.KMSEvents.Name, Events),
		plain(changeEvents, ChangeEvents),
		plain(schema.RelatedEvents.Name, Related),
		plain(schema.Quarantine.Name, Quarantine),
		plain(schema.Corrections.Name, Corrections),
		newest(schema.LogFiles.Name, LogFiles, "source, object_key", "ingested_at desc, etag"),
	}
	for _, v := range schema.Views() {
		if v.Kept != nil && v.Kept.Kind == schema.KeptRows {
			// Every event that these rows are made of is among those that change
			// keys, which all lie in one place.
			v.SQL = v.Definition(map[string]string{schema.KMSEvents.Name: changeEvents})
		}
		views = append(views, v)
	}
	return views
}

// plain shows the rows of a table as they are.
func plain(name, table string) schema.View {
	return schema.View{Name: name, SQL: "select " + names(TableNamed(table).Of.Columns) + "\nfrom " + table}
}

// newest shows of the rows that agree in some columns the first.
func newest(name, table, by, order string) schema.View {
	columns := names(TableNamed(table).Of.Columns)
	return schema.View{Name: name, SQL: fmt.Sprintf(
		"select %s\nfrom (\n    select %s,\n        row_number() over (partition by %s order by %s) as copy_number\n    from %s\n) as copies\nwhere copy_number = 1",
		columns, columns, by, order, table)}
}

func names(columns []schema.Column) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.Name
	}
	return strings.Join(list, ", ")
}
