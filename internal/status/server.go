package status

import "time"

// Server is what the server that owns a store is doing.
type Server struct {
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
	// Problems are what somebody should look at, the worst first: each a
	// sentence.
	Problems []string `json:"problems"`
	// Watching is nil when there is no source to watch.
	Watching *Watching `json:"watching"`
	// Queue is nil when no queue tells of new log files.
	Queue    *Queue `json:"queue,omitempty"`
	Schedule []Job  `json:"schedule"`
	// Requests are those to S3 by day (UTC), the newest first.
	Requests []RequestDay `json:"s3_requests"`
	Disk     Disk         `json:"disk"`
	// LastBackup is when the newest backup was made; nil when there is none.
	LastBackup *time.Time `json:"last_backup"`
	// RunningQueries are at work for clients, WaitingQueries wait for their turn.
	RunningQueries int `json:"running_queries"`
	WaitingQueries int `json:"waiting_queries"`
}

// Watching says how the polls of the source fare.
type Watching struct {
	Source string `json:"source"`
	// Polling says that a poll is at work, PollKind what it looks at, Done how
	// many log files it has read of ToRead.
	Polling  bool   `json:"polling"`
	PollKind string `json:"poll_kind,omitempty"`
	Done     int64  `json:"done"`
	ToRead   int64  `json:"to_read"`
	// Polls counts them since the server started.
	Polls    int64      `json:"polls"`
	LastPoll *time.Time `json:"last_poll"`
	// LastPollSeconds is how long it took.
	LastPollSeconds float64    `json:"last_poll_seconds"`
	NextPoll        *time.Time `json:"next_poll"`
	// Complete is up to when all that was delivered has been seen.
	Complete *time.Time `json:"complete_until"`
	// Error is why the last poll failed, FailingSince when that began.
	Error        string     `json:"error,omitempty"`
	FailingSince *time.Time `json:"failing_since"`
	// Unlisted are places (accounts and Regions) of the source that cannot be
	// listed, each with the reason.
	Unlisted []string `json:"unlisted"`
	// Paused says why nothing is ingested, such as a disk that is nearly full.
	Paused string `json:"paused,omitempty"`
}

// Queue says how the reading of a queue fares.
type Queue struct {
	URL string `json:"url"`
	// Stored, Skipped, Quarantined and Left count messages since the server started
	// by what became of them; those that are left come again.
	Stored      int64 `json:"stored"`
	Skipped     int64 `json:"skipped"`
	Quarantined int64 `json:"quarantined"`
	Left        int64 `json:"left"`
	// Held messages are received and not done with; Oldest is when the oldest of
	// them was sent, Last when some were done with last.
	Held   int        `json:"held"`
	Oldest *time.Time `json:"oldest"`
	Last   *time.Time `json:"last"`
	// Problem is why one of the last messages was left, Error why the queue cannot
	// be read, FailingSince when that began.
	Problem      string     `json:"problem,omitempty"`
	Error        string     `json:"error,omitempty"`
	FailingSince *time.Time `json:"failing_since"`
}

// Job is something that the server does on a schedule.
type Job struct {
	// Name is detectors, maintain, verify, report, backup, or the id of a detector that
	// has a schedule of its own.
	Name string `json:"name"`
	// Cron is the expression (UTC), Next when it is due.
	Cron    string     `json:"cron"`
	Next    *time.Time `json:"next"`
	Running bool       `json:"running"`
	// LastStart is when it was done last, LastSeconds how long it took and
	// LastError why it failed.
	LastStart   *time.Time `json:"last_start"`
	LastSeconds float64    `json:"last_seconds"`
	LastError   string     `json:"last_error,omitempty"`
}

// RequestDay counts the requests to S3 of one day.
type RequestDay struct {
	// Day is 2006-01-02, UTC.
	Day  string `json:"day"`
	List int64  `json:"list"`
	Get  int64  `json:"get"`
	// Complete is false for the current day.
	Complete bool `json:"complete"`
	// DollarsPerMonth is about what thirty days like this one cost at AWS's list
	// price; of the current day it is what it would be at its pace so far.
	DollarsPerMonth float64 `json:"dollars_per_month"`
}

// Disk is the disk that the store lies on.
type Disk struct {
	FreeBytes uint64 `json:"free_bytes"`
	// MinFreeBytes is below what ingest stops.
	MinFreeBytes uint64 `json:"min_free_bytes"`
}

// Low reports whether there is less free space than there should be.
func (d Disk) Low() bool { return d.FreeBytes > 0 && d.FreeBytes < d.MinFreeBytes }

// Lag is how old the newest event of the store is; 0 when there is none.
func (s *Status) Lag(now time.Time) time.Duration {
	if s.LastEvent == nil {
		return 0
	}
	return max(now.Sub(*s.LastEvent), 0)
}

// LastDelivery is when the newest log file of any place was delivered; nil when
// none is known.
func (s *Status) LastDelivery() *time.Time {
	var last *time.Time
	for _, p := range s.Places {
		if p.LastFile != nil && (last == nil || p.LastFile.After(*last)) {
			last = p.LastFile
		}
	}
	return last
}
