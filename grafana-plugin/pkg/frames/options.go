package frames

import (
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// Format is the shape that rows are given.
type Format string

const (
	// FormatAuto is time series where there is a bucket, a column of times and
	// one of numbers; else a table. The empty format is the same.
	FormatAuto Format = "auto"
	// FormatTimeSeries is one field per series, with the text columns as labels.
	FormatTimeSeries Format = "time_series"
	// FormatTable is the rows as they came.
	FormatTable Format = "table"
	// FormatLogs is one readable line per row, with the columns as labels.
	FormatLogs Format = "logs"
	// FormatAnnotations is time, end, title, text, tags and id of each row.
	FormatAnnotations Format = "annotations"
)

// FillMode is what stands where a series has no row for a bucket.
type FillMode string

const (
	// FillNone adds no buckets. The empty mode is the same.
	FillNone FillMode = "none"
	// FillNull adds NULL.
	FillNull FillMode = "null"
	// FillZero adds 0.
	FillZero FillMode = "zero"
	// FillPrevious adds the series' last value before, NULL if there is none.
	FillPrevious FillMode = "previous"
	// FillValue adds Fill.Value.
	FillValue FillMode = "value"
)

// Fill says what stands where a series has no row for a bucket. The zero value
// is FillNone.
type Fill struct {
	Mode FillMode
	// Value is for FillValue.
	Value float64
}

// Limits of a result where Options have 0.
const (
	DefaultMaxRows   = 100_000
	DefaultMaxSeries = 200
	DefaultMaxBytes  = 256 << 20
)

// Options say what is to be made of a result.
type Options struct {
	RefID string
	// Legend is a template for the names of series: {{label}} is the value of
	// a label, {{__name__}} the name of the value column.
	Legend string
	Format Format
	Fill   Fill
	// Bucket is how wide the result's buckets of time are; 0 when not known,
	// and then nothing is filled.
	Bucket time.Duration
	// From and To are the range that is filled, half-open.
	From, To time.Time
	// MaxRows is how many rows are read at most, MaxSeries how many series are
	// kept, the largest ones. MaxBytes bounds the values that are held. 0 is
	// the default of each.
	MaxRows, MaxSeries, MaxBytes int64
	// Describe tells about a column by its name; it may be nil.
	Describe func(column string) Description
	// DatasourceUID and DatasourceName are where links lead to; no links
	// without a UID.
	DatasourceUID, DatasourceName string
}

// Description is what is known about a column beside its values. Unit and Links
// replace those that its name suggests.
type Description struct {
	Text  string
	Unit  string
	Links []data.DataLink
}

// Result is what became of the rows.
type Result struct {
	// Frames has one frame, or none when there was no row: alert rules tell
	// "no data" by it.
	Frames data.Frames
	// Rows is how many rows were taken.
	Rows int64
	// Truncated is true when there were more. A notice says so as well.
	Truncated bool
	// SeriesLeft is how many series are not shown. A notice says so as well.
	SeriesLeft int64
	// Notices are also in the frame's Meta, where there is a frame.
	Notices []data.Notice
}
