package digest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kmstrail/kmstrail/ingest"
)

// Metadata of the objects of digests.
const (
	metaSignature = "signature"
	metaBackfill  = "backfill-generation-timestamp"
)

// suffix is what the name of a digest ends with.
const suffix = ".json.gz"

const day = 24 * time.Hour

// interval is what one digest is about, but for the first and the last of a chain.
const interval = time.Hour

// place is an account and Region.
type place struct{ account, region string }

// loaded is a digest that was read, or could not be.
type loaded struct {
	obj      ingest.Object
	place    place
	chain    string
	backfill bool
	digest   *Digest // nil when there is a problem
	metadata map[string]string

	problem ProblemKind // "" when it was read and is where it belongs
	detail  string
}

// chainOf names what is the same in the keys of all digests of a trail, account and
// Region: folder and name without the dates. Back-fill digests have their own.
func chainOf(key string) (chain string, backfill bool) {
	dir, file := path.Split(key)
	stem := strings.TrimSuffix(file, suffix)
	stem, backfill = strings.CutSuffix(stem, "_backfill")
	if i := strings.LastIndexByte(stem, '_'); i >= 0 {
		stem = stem[:i]
	}
	segs := strings.Split(strings.TrimSuffix(dir, "/"), "/")
	if n := len(segs); n > 3 && isDate(segs[n-3:]) {
		segs = segs[:n-3]
	}
	chain = strings.Join(segs, "/") + "/" + stem
	if backfill {
		chain += "_backfill"
	}
	return chain, backfill
}

func isDate(segs []string) bool {
	_, err := time.Parse("2006/01/02", strings.Join(segs, "/"))
	return err == nil
}

// identity is what tells objects apart: the key in a bucket. Below a directory it is
// the name alone, which is unique, for a copy may begin at any folder.
func (r *run) identity(key string) string {
	if r.bucket == "" {
		return path.Base(key)
	}
	return key
}

// elsewhere reports whether an object is said to lie in another bucket.
func (r *run) elsewhere(bucket string) bool {
	return r.bucket != "" && bucket != r.bucket
}

// byTime orders the digests of a chain.
func byTime(a, b *loaded) int {
	return cmp.Or(a.obj.Location.DeliveredAt.Compare(b.obj.Location.DeliveredAt), cmp.Compare(a.obj.Key, b.obj.Key))
}

// link is a digest in its chain.
type link struct {
	*loaded
	// next is the one that names it as the one before; nil when none does.
	next *loaded
	// before is the newest that is older in the listing; nil when there is none.
	before *loaded
}

// links puts the digests of a place into their chains.
func (r *run) links(all []*loaded) []link {
	byChain := map[string][]*loaded{}
	for _, l := range all {
		byChain[l.chain] = append(byChain[l.chain], l)
	}
	var links []link
	for _, chain := range byChain {
		slices.SortFunc(chain, byTime)
		next := map[string]*loaded{}
		for _, l := range chain {
			if l.digest != nil && l.digest.Previous != nil {
				next[r.identity(l.digest.Previous.Key)] = l
			}
		}
		for i, l := range chain {
			k := link{loaded: l, next: next[r.identity(l.obj.Key)]}
			if i > 0 {
				k.before = chain[i-1]
			}
			links = append(links, k)
		}
	}
	slices.SortFunc(links, func(a, b link) int { return byTime(a.loaded, b.loaded) })
	return links
}

// verify says what is wrong with a digest; "" when it is the one that CloudTrail
// signed.
func (r *run) verify(ctx context.Context, l link) (ProblemKind, string, error) {
	if l.problem != "" {
		return l.problem, l.detail, nil
	}
	d := l.digest
	if l.next != nil && l.next.digest.Previous.Hash != d.Hash {
		return DigestForged, "its hash is not the one that the next digest has of it, " + l.next.obj.Key, nil
	}
	at := d.End
	if text := l.metadata[metaBackfill]; text != "" {
		if made, err := time.Parse(time.RFC3339, text); err == nil {
			at = made
		}
	}
	key, err := r.keyring.find(ctx, l.place.region, d.Fingerprint, at)
	if err != nil {
		return "", "", err
	}
	if key == nil {
		return DigestUnknownKey, fmt.Sprintf("no public key with the fingerprint %s is known for %s", d.Fingerprint, l.place.region), nil
	}
	// A copy of the digest may have lost its signature, and the next digest keeps it.
	signature := l.metadata[metaSignature]
	if signature == "" && l.next != nil {
		signature = l.next.digest.Previous.Signature
	}
	if signature == "" {
		return DigestUnsigned, "there is no signature with it, nor in a later digest", nil
	}
	if err := d.signed(key, signature); err != nil {
		return DigestForged, fmt.Sprintf("its signature does not verify with the key %s: %v", d.Fingerprint, err), nil
	}
	return "", "", nil
}

// lost says of a digest whether the one before it is gone.
func (r *run) lost(ctx context.Context, l link) (bool, error) {
	if l.digest == nil || l.digest.Previous == nil {
		return false, nil
	}
	if r.elsewhere(l.digest.Previous.Bucket) {
		return false, nil // the trail wrote to another bucket then
	}
	key := l.digest.Previous.Key
	if _, ok := r.known[r.identity(key)]; ok {
		return false, nil
	}
	loc, _ := ingest.ParseKey(key)
	if r.days[loc.DeliveredAt.Truncate(day)] != nil {
		return true, nil // it would have been listed
	}
	if r.bucket == "" {
		key = beside(l.obj.Key, key, loc.DeliveredAt)
	}
	_, err := r.o.Source.Read(ctx, ingest.Object{Key: key}, nil, r.o.MaxBytes)
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	}
	return false, err
}

// beside returns where below a directory the digest with a key lies, given another of
// its chain.
func beside(other, key string, at time.Time) string {
	segs := strings.Split(path.Dir(other), "/")
	if n := len(segs); n >= 3 && isDate(segs[n-3:]) {
		segs = append(segs[:n-3], at.Format("2006/01/02"))
	}
	return path.Join(append(segs, path.Base(key))...)
}

// span is a time, half-open.
type span struct{ from, to time.Time }

// within returns the part of a span that lies in another; empty when none does.
func (s span) within(in span) span {
	if s.from.Before(in.from) {
		s.from = in.from
	}
	if s.to.After(in.to) {
		s.to = in.to
	}
	return s
}

func (s span) empty() bool { return !s.from.Before(s.to) }

// holes returns the parts of a time that none of the spans covers.
func holes(of span, covered []span) []span {
	slices.SortFunc(covered, func(a, b span) int { return a.from.Compare(b.from) })
	var open []span
	at := of.from
	for _, c := range covered {
		if c = c.within(of); c.empty() {
			continue
		}
		if at.Before(c.from) {
			open = append(open, span{at, c.from})
		}
		if c.to.After(at) {
			at = c.to
		}
	}
	if at.Before(of.to) {
		open = append(open, span{at, of.to})
	}
	return open
}
