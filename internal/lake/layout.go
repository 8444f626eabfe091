package lake

import (
	"slices"
	"time"

	"github.com/kmstrail/kmstrail/schema"
)

// Table is a table of files in the lake.
type Table struct {
	// Name is that of its directory, and of the table in the engine. It is the
	// name of Of where the engine reads the files as they are; else a view of
	// that name is made of it.
	Name string
	// Of is the table of the store whose rows it holds.
	Of *schema.Table
	// Partitions are the columns that the directories are named by; the files
	// do not have them.
	Partitions []schema.Column
	// Current tables have one file, which is replaced.
	Current bool
}

// WrittenAt is the column that event tables have besides those of the store:
// of two records with one id the one whose object was written first is shown.
var WrittenAt = schema.Column{Name: "object_written_at", Type: schema.Timestamp, Doc: "When the log object that held the record was written, UTC."}

var (
	regionColumn      = schema.Column{Name: "region", Type: schema.Varchar, NotNull: true, Doc: "Region that served the call; other when the record names none that can be one."}
	dayColumn         = schema.Column{Name: "day", Type: schema.Varchar, NotNull: true, Doc: "Day of the event, 2026-01-31, UTC; the day of delivery where the event's time cannot be right."}
	deliveryDayColumn = schema.Column{Name: "delivery_day", Type: schema.Varchar, NotNull: true, Doc: "Day of delivery, 2026-01-31, UTC."}
)

// Names of the tables that views are made of.
const (
	Events       = "kms_events_parquet"
	ChangeEvents = "key_change_events_parquet"
	Related      = "related_events_parquet"
	LogFiles     = "log_files_parquet"
	Quarantine   = "quarantine_parquet"
	Corrections  = "corrections_parquet"
)

// Tables lists the tables of the lake.
func Tables() []Table {
	tables := []Table{
		{Name: Events, Of: &schema.KMSEvents, Partitions: []schema.Column{regionColumn, dayColumn}},
		// The events that change keys once more, all in one place: what a key is
		// at some time follows from its whole history.
		{Name: ChangeEvents, Of: &schema.KMSEvents},
		{Name: Related, Of: &schema.RelatedEvents},
		{Name: LogFiles, Of: &schema.LogFiles, Partitions: []schema.Column{deliveryDayColumn}},
		{Name: Quarantine, Of: &schema.Quarantine},
		{Name: Corrections, Of: &schema.Corrections},
	}
	for _, t := range schema.Tables() {
		if !slices.ContainsFunc(tables, func(known Table) bool { return known.Of == t }) {
			tables = append(tables, Table{Name: t.Name, Of: t, Current: true})
		}
	}
	return tables
}

// TableNamed returns the table of that name; nil when there is none.
func TableNamed(name string) *Table {
	for _, t := range Tables() {
		if t.Name == name {
			return &t
		}
	}
	return nil
}

// Columns returns the columns of the table's files, in order.
func (t *Table) Columns() []schema.Column {
	columns := slices.DeleteFunc(slices.Clone(t.Of.Columns), func(c schema.Column) bool {
		return slices.ContainsFunc(t.Partitions, func(p schema.Column) bool { return p.Name == c.Name })
	})
	if t.Of == &schema.KMSEvents || t.Of == &schema.RelatedEvents {
		columns = append(columns, WrittenAt)
	}
	return columns
}

// firstDay is before the first log of CloudTrail.
var firstDay = time.Date(2013, 1, 1, 0, 0, 0, 0, time.UTC)

// PartitionDay returns the day that an event is filed under: its own, or that of
// its delivery when no event of that time can have been delivered then.
func PartitionDay(event, delivered time.Time) time.Time {
	if event.Before(firstDay) || event.After(delivered.Add(48*time.Hour)) {
		event = delivered
	}
	return event.UTC().Truncate(24 * time.Hour)
}

// PartitionRegion returns the Region that an event is filed under: its own if it
// can be one, else other. Regions come from the logs and become parts of names.
func PartitionRegion(region string) string {
	if !looksLikeRegion(region) {
		return otherRegion
	}
	return region
}

const otherRegion = "other"

// looksLikeRegion accepts names such as us-gov-west-1: words of small letters,
// then a number.
func looksLikeRegion(s string) bool {
	if len(s) < 6 || len(s) > 30 {
		return false
	}
	hyphens := 0
	for i := range len(s) - 1 {
		switch c := s[i]; {
		case c == '-':
			if i == 0 || s[i-1] == '-' {
				return false
			}
			hyphens++
		case c < 'a' || c > 'z':
			return false
		}
	}
	last := len(s) - 1
	return hyphens >= 2 && s[last-1] == '-' && s[last] >= '1' && s[last] <= '9'
}
