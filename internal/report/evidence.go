package report

import (
	"context"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/rows"
)

// Proof is what CloudTrail's digests prove of the log files of a finding's evidence,
// as far as kmstrail verify has looked; "" when it never has.
type Proof string

// What digests prove.
const (
	ProofVerified   Proof = "verified"   // all of them are as CloudTrail delivered them
	ProofUnverified Proof = "unverified" // of some of them that is not proven
	ProofFailed     Proof = "failed"     // something was changed or is gone on the day of some
)

// Text says it for people; "" when there is nothing to say.
func (p Proof) Text() string {
	switch p {
	case ProofVerified:
		return "log files verified by CloudTrail's digests"
	case ProofUnverified:
		return "log files not, or not all, verified by CloudTrail's digests"
	case ProofFailed:
		return "log files or digests of the day were changed, or are gone: see log_file_problems"
	}
	return ""
}

// Proofs knows what digests prove, day by day.
type Proofs map[proofPlace]Proof

type proofPlace struct {
	account, region string
	day             time.Time
}

// late is how long after an event its log file may be delivered.
const late = 30 * 24 * time.Hour

// ReadProofs reads what was verified of the days on which log files with events of
// [from, to) may have been delivered; zero times are no bounds.
func ReadProofs(ctx context.Context, store Store, from, to time.Time) (Proofs, error) {
	if to.IsZero() {
		to = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	} else {
		to = to.Add(late)
	}
	const format = "2006-01-02 15:04:05"
	p := Proofs{}
	err := each(ctx, store, query{name: "what digests prove", sql: `
		select
			account_id,
			region,
			day,
			case
				when max(case when state = 'failed' then 1 else 0 end) = 1 then 'failed'
				when min(case when state = 'verified' and unread_file_count = 0 then 1 else 0 end) = 1 then 'verified'
				else 'unverified'
			end
		from log_file_validation
		where day >= date_trunc('day', cast(? as timestamp)) and day < cast(? as timestamp)
		group by account_id, region, day`,
		args: []any{from.UTC().Format(format), to.UTC().Format(format)},
	}, func(r rows.Row) { p[proofPlace{r.Text(0), r.Text(1), r.Moment(2)}] = Proof(r.Text(3)) })
	return p, err
}

// Of returns what is proven of places in log files: source/object key#record index,
// "" where it is not known.
func (p Proofs) Of(places []string) Proof {
	if len(p) == 0 || len(places) == 0 {
		return ""
	}
	proof := ProofVerified
	for _, place := range places {
		file := place
		if i := strings.LastIndexByte(place, '#'); i >= 0 {
			file = place[:i]
		}
		loc, kind := ingest.ParseKey(file)
		of := p[proofPlace{loc.AccountID, loc.Region, loc.DeliveredAt.UTC().Truncate(24 * time.Hour)}]
		switch {
		case of == ProofFailed:
			return ProofFailed
		case kind != ingest.KindLog || of != ProofVerified:
			proof = ProofUnverified
		}
	}
	return proof
}
