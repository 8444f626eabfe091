package histories

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/internal/cttest"
)

// File is a log file, not compressed. One of the same key and another ETag is
// the same file written anew.
type File struct {
	Key, ETag string
	Body      []byte
}

// Kind is what happens in a step of a delivery.
type Kind int

// The kinds of steps.
const (
	Ingest   Kind = iota // Files are read
	Restart              // the store is closed and opened again
	Maintain             // background work runs
	Rebuild              // what is derived is made anew
)

// Step is one step of a delivery.
type Step struct {
	Kind Kind
	// Files can be listed in this step. Those in Broken cannot be read now;
	// they come again in a later step.
	Files  []File
	Broken map[string]bool
	// CommitRows is how many rows make a batch, Batches how many of these make a
	// transaction.
	CommitRows, Batches int
	// Beside has the background work run at the same time.
	Beside bool
}

// Delivery is one way in which a history arrives.
type Delivery struct {
	Steps []Step
	// Files are those that are there in the end, by key.
	Files []File
}

// deliverer makes a delivery.
type deliverer struct {
	*rand.Rand
	files []File // first versions and repetitions
	final []File
}

// Deliver splits the records into log files, and these into steps, in an order
// that has nothing to do with the time; some files come twice, some as a part
// first, some cannot be read at first.
func (h *History) Deliver(seed uint64) *Delivery {
	d := &deliverer{Rand: rand.New(rand.NewPCG(seed, 0x6c6f6773))}
	for _, group := range h.byFile() {
		d.write(group)
	}
	d.final = append(d.final, File{
		Key:  cttest.Key("", "", "main", "us-east-1", Start, cttest.Suffix("no log file")),
		ETag: "1", Body: []byte(`{"Records":[{"eventVersion"`),
	})
	d.files = append(d.files, d.final...)
	d.repeatFiles()
	d.Shuffle(len(d.files), func(i, j int) { d.files[i], d.files[j] = d.files[j], d.files[i] })
	if d.IntN(3) == 0 {
		slices.SortStableFunc(d.files, func(a, b File) int { return strings.Compare(a.Key, b.Key) })
	}
	slices.SortFunc(d.final, func(a, b File) int { return strings.Compare(a.Key, b.Key) })
	return &Delivery{Steps: d.steps(), Files: d.final}
}

// byFile groups records by account, Region and minute of delivery.
func (h *History) byFile() [][]Record {
	records := slices.Clone(h.Records)
	slices.SortStableFunc(records, compareFile)
	var groups [][]Record
	for i, r := range records {
		if i == 0 || compareFile(r, records[i-1]) != 0 {
			groups = append(groups, nil)
		}
		last := len(groups) - 1
		groups[last] = append(groups[last], r)
	}
	return groups
}

func compareFile(a, b Record) int {
	return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Region, b.Region), a.Delivered.Compare(b.Delivered))
}

// write puts the records of one minute into one to three files. The names of
// some say nothing about them.
func (d *deliverer) write(records []Record) {
	records = slices.Clone(records)
	undated := d.IntN(30) == 0
	d.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	for part := 0; len(records) > 0; part++ {
		n := len(records)
		if part < 2 {
			n = 1 + d.IntN(n)
		}
		d.file(records[:n], fmt.Sprint(part), undated)
		records = records[n:]
	}
}

// file writes one file; some are seen without their last records first.
func (d *deliverer) file(records []Record, part string, undated bool) {
	r := records[0]
	suffix := cttest.Suffix(r.Account, r.Region, r.Delivered.Format(time.RFC3339), part)
	key := cttest.Key("", "", r.Account, r.Region, r.Delivered, suffix)
	if undated {
		key = "by hand/" + suffix + ".json.gz"
	}
	whole := File{Key: key, ETag: "2", Body: body(records)}
	if d.IntN(12) == 0 {
		d.files = append(d.files, File{Key: key, ETag: "1", Body: body(records[:d.IntN(len(records)+1)])})
	}
	d.final = append(d.final, whole)
}

func body(records []Record) []byte {
	bodies := make([][]byte, len(records))
	for i := range records {
		bodies[i] = records[i].JSON
	}
	return cttest.Body(bodies...)
}

// repeatFiles has some files listed again, and some copied under another key.
func (d *deliverer) repeatFiles() {
	for _, f := range slices.Clone(d.final) {
		switch d.IntN(16) {
		case 0:
			d.files = append(d.files, f)
		case 1:
			copied := f
			copied.Key = strings.TrimSuffix(f.Key, ".json.gz")
			copied.Key = copied.Key[:len(copied.Key)-4] + "copy.json.gz"
			d.files, d.final = append(d.files, copied), append(d.final, copied)
		}
	}
}

// steps spreads the files over steps.
func (d *deliverer) steps() []Step {
	var steps []Step
	var again []File // could not be read, or only in part
	versions := map[string]string{}
	for len(d.files) > 0 || len(again) > 0 {
		n := min(len(d.files), 1+d.IntN(1+d.IntN(300)))
		step := Step{CommitRows: 20 + d.IntN(120), Batches: 1 + d.IntN(3), Broken: map[string]bool{}}
		step.Beside = d.IntN(5) == 0
		if d.IntN(8) == 0 {
			n, step.CommitRows = min(n, 8), 1+d.IntN(3)
		}
		step.Files, again = again, nil
		for _, f := range d.files[:n] {
			// The part of a file does not come after the whole.
			if versions[f.Key] == "2" && f.ETag == "1" {
				continue
			}
			step.Files = slices.DeleteFunc(step.Files, func(o File) bool { return o.Key == f.Key })
			step.Files = append(step.Files, f)
			versions[f.Key] = f.ETag
		}
		if len(d.files) > 0 {
			for _, f := range step.Files {
				if d.IntN(20) == 0 {
					step.Broken[f.Key] = true
					again = append(again, f)
				}
			}
		}
		d.files = d.files[n:]
		steps = append(steps, step)
		steps = append(steps, d.between()...)
	}
	return steps
}

// between is what happens between two runs of the ingester.
func (d *deliverer) between() []Step {
	var steps []Step
	if d.IntN(6) == 0 {
		steps = append(steps, Step{Kind: Restart})
	}
	if d.IntN(4) == 0 {
		steps = append(steps, Step{Kind: Maintain})
	}
	if d.IntN(40) == 0 {
		steps = append(steps, Step{Kind: Rebuild})
	}
	return steps
}
