package lake

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
)

// How workers share the writing of a lake
//
// Any number of processes may write one lake from one source at the same time.
// Nobody coordinates them, none knows how many there are, and each may be killed
// at any moment. All they share is the bucket, and all they ask of it is that
// Create of one name succeeds once.
//
// Units. Every log file belongs to a unit by its key alone: the Region and the
// day of delivery that the key tells, all accounts together; "undated" when it
// tells no day. Since neither clock nor content matter, all workers agree, today
// and after the file was touched or copied. What [unitOf] returns for a key must
// never change: a file in another unit would be planned again.
//
// Plans. A plan is a list of log files of one unit: key, ETag, size, time. It is
// created as _plans/SOURCE/UNIT/000000.json and never changed; the next one is
// 000001. A worker lists the source, reads the plans of a unit, and plans what
// no plan has. If another was faster, Create fails; it reads the new plan and
// plans again what is left. So each version of a log file is in one plan, and
// the plans of a unit are numbered without gaps. A file that comes late goes into
// a new plan of its old unit, and so does a file whose content was replaced (it
// has a new ETag).
//
// Carrying out. A worker reads and decodes the files of a plan, and creates
//
//  1. UNIT/000000.without.json: which files of the plan could not be read, most
//     often none. This is written before any row is, and whoever loses the race
//     to create it does as it says, so that it never depends on the worker
//     whether a file's rows are in the lake.
//  2. UNIT/000000.turn-0.json: the version of the program and the names of the
//     data files, see turns.go.
//  3. the data files, one per table and partition. Their name comes from the
//     plan: source, unit, number, and a hash over the list of log files and the
//     version of the program. Then it drops what is in the lake twice now, see settle.go.
//  4. the file of the ledger, log_files_parquet/delivery_day=…/NAME.parquet. It
//     comes last and says that the plan is done.
//
// The rows follow from the plan and the log files alone: which of two equal
// records is kept does not depend on the order of reading, times of writing are
// the plan's, and so are the principals that count as kmstrail itself (two
// workers may be configured differently; the plan's maker decides). So all
// workers of one version write the same files under the same names, and that a
// name is taken already is as good as having written it.
//
// A plan without its file in the ledger is not done, whoever made it, and every
// worker carries out every plan that is not. They take them in random order,
// those last that somebody has begun, and look before they start, so that they
// rarely do the same twice; when they do, it costs time and nothing else.
//
// What can go wrong:
//
//   - A worker dies between two writes: what it wrote is right, and the next
//     worker writes the rest.
//   - A log file cannot be read now (denied, no answer): it is left out, the
//     ledger says so (status failed), and the next run plans it again, since no
//     plan has it now. One unreadable file so does not hold up the others. When
//     nothing in a plan can be read, the plan waits: an expired login does not
//     turn plans into failures, and a file that stays unreadable stays in one
//     plan instead of going through a new one at each run.
//   - A log file is gone, or was replaced between planning and reading: the same;
//     the next listing shows what there is now. If it went after another worker
//     began to write and died, the lake may have some of its rows, and the ledger
//     says that it failed: the rows are true, and nobody can read the rest.
//   - A log file is broken (no gzip, no JSON): it is quarantined, in the ledger
//     as in the store, and the plan gets done.
//   - Workers of several versions: what decodes differently could split a record
//     between two files of which only one is new. So the version is in the name
//     of data files, and a plan is carried out as a whole by each worker that
//     begins with it; what two have written is then a repeat like any other, and
//     is dropped; turns.go says what becomes of one that is late. Plans of a newer
//     format are refused.
//   - Clocks differ: no decision but one compares times of two machines: a ledger
//     shows of two entries for one file the later, so a plan's time is after that
//     of all plans before it in its unit, whatever the clock says.
//   - Listings lag: Create tells the truth where a listing may not.
//   - The same bytes under two keys, or a file read again because it was touched:
//     its records are in two plans. Whichever is carried out last drops them, and
//     keeps those of the object that was written first.

// The limits of a plan, if none are given. What one holds is in memory when it is
// carried out, and makes one file per table and partition.
const (
	DefaultPlanBytes = 16 << 20 // stored
	DefaultPlanFiles = 20_000
)

const (
	planFormat = 1
	plansDir   = "_plans/"
	undated    = "undated"
	planSuffix = ".json"
	// withoutSuffix is that of the list of files that a plan goes without.
	withoutSuffix = ".without.json"
	// turnInfix and endedInfix come between a plan's number and that of a turn.
	turnInfix     = ".turn-"
	endedInfix    = ".ended-"
	parquetSuffix = ".parquet"
)

// plan is the content of a plan's file.
type plan struct {
	Format int    `json:"format"`
	Source string `json:"source"`
	Unit   string `json:"unit"`
	Number int    `json:"number"`
	// Day is that of delivery; in undated units the one of the last change.
	Day            string    `json:"day"`
	PlannedAt      time.Time `json:"planned_at"`
	PlannedBy      string    `json:"planned_by"`
	SelfPrincipals []string  `json:"self_principals,omitempty"`
	// RedactContext is kept so that every worker writes the same rows.
	RedactContext []ingest.ContextPattern `json:"redact_context,omitempty"`
	Files         []plannedFile           `json:"files"`
}

// plannedFile is a log file as it was listed.
type plannedFile struct {
	Key          string    `json:"key"`
	ETag         string    `json:"etag"`
	Size         int64     `json:"size"`
	LastModified time.Time `json:"last_modified,omitzero"`
	// Attempts is how many plans had it before and went without it.
	Attempts int `json:"attempts,omitempty"`
}

// leftOut is a log file that a plan is carried out without.
type leftOut struct {
	Key   string `json:"key"`
	Error string `json:"error"`
}

// unitOf returns the unit that a log file belongs to. It depends on the key only.
func unitOf(key string) string {
	loc, _ := ingest.ParseKey(key)
	if loc.DeliveredAt.IsZero() {
		return undated
	}
	return loc.DeliveredAt.UTC().Format(time.DateOnly) + "/" + PartitionRegion(loc.Region)
}

// dayOf returns the day under which a log file stands in the ledger.
func dayOf(o *ingest.Object) string {
	at := o.Location.DeliveredAt
	if at.IsZero() {
		at = o.LastModified
	}
	return at.UTC().Format(time.DateOnly)
}

// planID names a plan among those of a source.
type planID struct {
	unit   string
	number int
}

func (id planID) String() string { return fmt.Sprintf("%s/%06d", id.unit, id.number) }

// sourceDir is where the plans of a source lie.
func sourceDir(source string) string {
	sum := sha256.Sum256([]byte(source))
	return plansDir + hex.EncodeToString(sum[:4]) + "/"
}

// sourceTag is the name of that directory.
func sourceTag(sourceDir string) string {
	return strings.TrimSuffix(strings.TrimPrefix(sourceDir, plansDir), "/")
}

// planObject is what the name of an object below a source's directory says.
type planObject struct {
	id planID
	// kind is planSuffix for the plan itself, withoutSuffix, turnInfix or
	// endedInfix.
	kind string
	turn int
}

func parsePlanName(name string) (o planObject, ok bool) {
	unit, file := path.Split(name)
	o.kind = withoutSuffix
	number, ok := strings.CutSuffix(file, withoutSuffix)
	if !ok {
		o.kind = planSuffix
		if number, ok = strings.CutSuffix(file, planSuffix); !ok {
			return planObject{}, false
		}
		for _, infix := range []string{turnInfix, endedInfix} {
			if before, after, found := strings.Cut(number, infix); found {
				o.kind, number = infix, before
				if o.turn, ok = parseNumber(after); !ok {
					return planObject{}, false
				}
			}
		}
	}
	o.id.unit = strings.TrimSuffix(unit, "/")
	o.id.number, ok = parseNumber(number)
	return o, ok && unit != ""
}

func parseNumber(text string) (n int, ok bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0
}

// stem is how the names of a plan's files in the lake begin. It says whose they
// are; the source is there too, since several may fill one lake.
func (id planID) stem(sourceDir string) string {
	return fmt.Sprintf("%s-%s-%06d", sourceTag(sourceDir), strings.ReplaceAll(id.unit, "/", "-"), id.number)
}

func (p *plan) id() planID { return planID{p.Unit, p.Number} }

// fileName is the name of the plan's files in the lake: its stem and a hash over
// the log files that their rows come from, and over who read them: what other
// versions of the program make of log files may differ. turn is 0 for the ledger.
func (p *plan) fileName(maker string, turn int) string {
	h := sha256.New()
	add := func(parts ...string) {
		for _, s := range parts {
			h.Write(binary.AppendUvarint(nil, uint64(len(s))))
			h.Write([]byte(s))
		}
	}
	add(p.Source, maker)
	if turn > 0 {
		add(strconv.Itoa(turn))
	}
	for i := range p.Files {
		add(p.Files[i].Key, p.Files[i].ETag)
	}
	return p.id().stem(sourceDir(p.Source)) + "-" + hex.EncodeToString(h.Sum(nil)[:8]) + parquetSuffix
}

// ledgerName is the name of the file that says that the plan is done.
func (p *plan) ledgerName() string {
	return LogFiles + "/" + deliveryDayColumn.Name + "=" + p.Day + "/" + p.fileName("", 0)
}

// stemOfLedgerName is the inverse, without the hash.
func stemOfLedgerName(name string) string {
	name = path.Base(name)
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		return name[:i]
	}
	return name
}

// logFileID is the identity of a log file in the lake, the same for every worker:
// 63 bits of a hash over its source and key.
func logFileID(source, key string) int64 {
	h := sha256.New()
	h.Write([]byte(source))
	h.Write([]byte{0})
	h.Write([]byte(key))
	return max(1, int64(binary.BigEndian.Uint64(h.Sum(nil))>>1))
}

// objects returns the log files as a source reads them.
func (p *plan) objects() []ingest.Object {
	objects := make([]ingest.Object, len(p.Files))
	for i, f := range p.Files {
		loc, _ := ingest.ParseKey(f.Key)
		objects[i] = ingest.Object{Key: f.Key, ETag: f.ETag, Size: f.Size, LastModified: f.LastModified, Location: loc}
	}
	return objects
}

// day returns Day as a time.
func (p *plan) day() time.Time {
	t, err := time.Parse(time.DateOnly, p.Day)
	if err != nil {
		return time.Time{} // readPlan has checked it
	}
	return t
}

// readPlan reads a plan's file. id is what its name says.
func readPlan(id planID, source string, body []byte) (*plan, error) {
	p := new(plan)
	if err := json.Unmarshal(body, p); err != nil {
		return nil, fmt.Errorf("read plan %s: %w", id, err)
	}
	_, err := time.Parse(time.DateOnly, p.Day)
	switch {
	case p.Format > planFormat:
		return nil, fmt.Errorf("read plan %s: it was made by a newer kmstrail (%s)", id, p.PlannedBy)
	case p.Format < 1 || err != nil || len(p.Files) == 0 || p.id() != id:
		return nil, fmt.Errorf("read plan %s: the file is damaged", id)
	case p.Source != source:
		return nil, fmt.Errorf("read plan %s: it is of %s, not of %s", id, p.Source, source)
	}
	return p, nil
}

// firstBatch returns those log files of one unit that make the next plan, and
// whether they fill it. Files of an undated unit are kept apart by day, since a
// ledger file is of one day. It puts objects in order: of delivery, so that the
// files of one plan overlap in time with those of its neighbours only, and
// settling has little to read.
func firstBatch(objects []ingest.Object, maxBytes int64, maxFiles int) (batch []ingest.Object, full bool) {
	slices.SortFunc(objects, func(a, b ingest.Object) int {
		return cmp.Or(
			cmp.Compare(dayOf(&a), dayOf(&b)),
			a.Location.DeliveredAt.Compare(b.Location.DeliveredAt),
			cmp.Compare(a.Key, b.Key))
	})
	var size int64
	for i := range objects {
		if dayOf(&objects[i]) != dayOf(&objects[0]) {
			return objects[:i:i], false
		}
		if i == maxFiles || i > 0 && size+objects[i].Size > maxBytes {
			return objects[:i:i], true
		}
		size += objects[i].Size
	}
	return objects, size >= maxBytes || len(objects) >= maxFiles
}

// batches cuts all log files of a unit into lists that each make a plan, and
// tells which of them are full.
func batches(objects []ingest.Object) (lists [][]ingest.Object, full []bool) {
	for len(objects) > 0 {
		list, isFull := firstBatch(objects, DefaultPlanBytes, DefaultPlanFiles)
		lists, full = append(lists, list), append(full, isFull)
		objects = objects[len(list):]
	}
	return lists, full
}
