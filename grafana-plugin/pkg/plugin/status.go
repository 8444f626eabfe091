package plugin

import (
	"context"
	"time"

	"github.com/kmstrail/kmstrail/internal/flightclient"
)

// Status is what the store holds. Times are zero where there is nothing.
type Status struct {
	// Version of the server.
	Version string
	// EventsFrom and EventsTo are the times of the first and the last event.
	EventsFrom, EventsTo time.Time
	// Delivered is when CloudTrail wrote the newest log file, as its name tells.
	Delivered time.Time
	// Events is the number of KMS records, Accounts and Regions those with any.
	Events, Accounts, Regions int64
}

// statusSQL reads sums by account, Region and day, and log files of the last
// day: what it costs does not grow with the events.
const statusSQL = `SELECT
    min(first_event_time),
    max(last_event_time),
    CAST(coalesce(sum(kms_event_count), 0) AS BIGINT),
    count(DISTINCT account_id),
    count(DISTINCT region),
    (SELECT max(delivered_at) FROM log_files WHERE delivered_at >= (SELECT CAST(max(day) AS TIMESTAMP) FROM log_file_days))
FROM arrivals`

func readStatus(ctx context.Context, s server) (Status, error) {
	info, err := s.Server(ctx)
	if err != nil {
		return Status{}, err
	}
	return readFacts(ctx, s, info)
}

func readFacts(ctx context.Context, s server, info flightclient.ServerInfo) (Status, error) {
	out := Status{Version: info.Version}
	_, err := ask(ctx, s, statusSQL, func(r row) struct{} {
		out.EventsFrom, out.EventsTo, out.Delivered = r.moment(0), r.moment(1), r.moment(5)
		out.Events, out.Accounts, out.Regions = r.number(2), r.number(3), r.number(4)
		return struct{}{}
	})
	return out, err
}

// status returns what the store holds, as of half a minute ago at most.
func (d *Datasource) status(ctx context.Context) (Status, error) {
	return d.statuses.get(ctx, "", func() (Status, error) { return aside(ctx, d, readStatus) })
}

// stale reports whether the newest event is older than the settings want.
func (d *Datasource) stale(s Status) bool {
	return d.settings.Stale > 0 && s.Events > 0 && d.now().Sub(s.EventsTo) > d.settings.Stale
}

// gap is a run of days for which the logs of an account and Region are not
// complete.
type gap struct {
	account, name, region string
	from, to              time.Time // days, both of them among the gap
	days                  int64
}

// gapsSQL joins days to runs. The last day of the logs is not over, so a place
// without files on it is no gap yet. It reads a row per account, Region and day.
const gapsSQL = `WITH incomplete AS (
    SELECT
        account_id,
        region,
        day,
        day - CAST(row_number() OVER (PARTITION BY account_id, region ORDER BY day) AS INTEGER) AS run
    FROM coverage
    WHERE (state IN ('gap', 'excluded_or_write_only') OR failed_file_count > 0)
      AND day < (SELECT max(day) FROM log_file_days)
)
SELECT
    incomplete.account_id,
    max(accounts.account_name),
    incomplete.region,
    min(incomplete.day),
    max(incomplete.day),
    count(*)
FROM incomplete
LEFT JOIN accounts ON accounts.account_id = incomplete.account_id
GROUP BY incomplete.account_id, incomplete.region, incomplete.run
ORDER BY max(incomplete.day) DESC, count(*) DESC, incomplete.account_id, incomplete.region
LIMIT 10000`

func readGaps(ctx context.Context, s server) ([]gap, error) {
	return ask(ctx, s, gapsSQL, func(r row) gap {
		return gap{account: r.text(0), name: r.text(1), region: r.text(2), from: r.moment(3), to: r.moment(4), days: r.number(5)}
	})
}

// incomplete returns the gaps of the logs, as of some minutes ago.
func (d *Datasource) incomplete(ctx context.Context) ([]gap, error) {
	return d.gaps.get(ctx, "", func() ([]gap, error) { return aside(ctx, d, readGaps) })
}
