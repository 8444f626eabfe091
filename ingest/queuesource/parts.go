package queuesource

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/ingest"
)

// pageSize is how many objects a part lists at a time.
const pageSize = 1000

// maxDelay is how long after an object was written its notice may be sent. What
// a message says of earlier times is not believed: when an object was written
// decides which of two records with one event id stays.
const maxDelay = time.Hour

// changedBytes is how large an object may be that is not the one of its notice.
const changedBytes = 1 << 20

// Stater is a bucket that says what there is of an object, for notices that do
// not. The ingest.Source of a bucket should be one.
type Stater interface {
	// Stat returns the object; fs.ErrNotExist, wrapped, when it is gone.
	Stat(ctx context.Context, key string) (ingest.Object, error)
}

// objects are those that a turn names of one bucket, as a source. It keeps
// account of what could not be read.
type objects struct {
	ingest.Source // of the bucket

	list []ingest.Object

	mu     sync.Mutex
	failed map[string]error
}

// newObjects returns the part of a turn that refs are. The same object twice is
// one; what was said last counts.
func newObjects(ctx context.Context, bucket ingest.Source, refs []sentRef) *objects {
	o := &objects{Source: bucket, failed: map[string]error{}}
	byKey := map[string]sentRef{}
	for _, r := range refs {
		if old, ok := byKey[r.Key]; !ok || old.ETag == "" || r.ETag != "" && !r.writtenAt().Before(old.writtenAt()) {
			byKey[r.Key] = r
		}
	}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(parallel)
	for key, r := range byKey {
		g.Go(func() error {
			object, err := r.object(ctx, bucket)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				o.failed[key] = err
				return nil
			}
			o.list = append(o.list, object)
			return nil
		})
	}
	_ = g.Wait() // errors are in failed
	slices.SortFunc(o.list, func(a, b ingest.Object) int { return strings.Compare(a.Key, b.Key) })
	return o
}

// sentRef is an object that a message names, and when that was sent.
type sentRef struct {
	Ref
	sent time.Time
}

// writtenAt is when the object was written, as far as that can be believed, in
// whole seconds as in a listing.
func (r *sentRef) writtenAt() time.Time {
	at := r.Written
	if at.After(r.sent) || at.Before(r.sent.Add(-maxDelay)) {
		at = r.sent
	}
	return at.Truncate(time.Second)
}

func (r *sentRef) object(ctx context.Context, bucket ingest.Source) (ingest.Object, error) {
	if s, ok := bucket.(Stater); ok && (r.ETag == "" || r.Size < 0 || r.Size > ingest.DefaultMaxObjectBytes) {
		return s.Stat(ctx, r.Key)
	}
	loc, _ := ingest.ParseKey(r.Key)
	return ingest.Object{Key: r.Key, Size: max(r.Size, 0), ETag: r.ETag, LastModified: r.writtenAt(), Location: loc}, nil
}

// List implements ingest.Source. What is to be read was selected already.
func (o *objects) List(ctx context.Context, _ ingest.Selection, visit func([]ingest.Object) error) error {
	for page := range slices.Chunk(o.list, pageSize) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visit(page); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Read implements ingest.Source. An object that was replaced since its notice is
// read as it is now. It reads no more than the notice has announced: by that the
// ingester bounds what is in memory at the same time.
func (o *objects) Read(ctx context.Context, obj ingest.Object, dst []byte, limit int64) ([]byte, error) {
	announced := min(limit, max(obj.Size, 1))
	body, err := o.Source.Read(ctx, obj, dst, announced)
	if errors.Is(err, ingest.ErrChanged) {
		now := obj
		now.ETag = ""
		announced = min(limit, max(obj.Size, changedBytes))
		body, err = o.Source.Read(ctx, now, dst, announced)
	}
	large, isLarge := errors.AsType[*ingest.TooLargeError](err)
	if isLarge && announced < limit {
		// Who may send messages must not be able to have an object put aside.
		err = fmt.Errorf("the notice says %d bytes: %s", obj.Size, large.Error())
		isLarge = false
	}
	if err != nil && !isLarge && ctx.Err() == nil {
		o.mu.Lock()
		o.failed[obj.Key] = err
		o.mu.Unlock()
	}
	return body, err
}

// outcome returns why an object was not read; nil when it was, or need not be.
func (o *objects) outcome(key string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed[key]
}

func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// bodies are what messages hold themselves, as a source: records of CloudTrail,
// put together, and each message that could not be decoded. They can be read as
// long as the turn lasts, and never again.
type bodies struct {
	name   string
	list   []ingest.Object
	texts  map[string][]byte
	poison map[string]*ingest.RejectedError
}

// maxRecords bounds the bytes of records that are put together.
const maxRecords = 8 << 20

func newBodies(name string, messages []*message) *bodies {
	b := &bodies{name: name, texts: map[string][]byte{}, poison: map[string]*ingest.RejectedError{}}
	var records []*message
	size := 0
	flush := func() {
		if len(records) > 0 {
			b.addRecords(records)
		}
		records, size = nil, 0
	}
	for _, m := range messages {
		switch {
		case m.fate == poisoned:
			key := "messages/" + cleanID(m.id)
			b.poison[key] = &ingest.RejectedError{Reason: "bad_message", Detail: "message " + cleanID(m.id) + " of the queue: " + m.why.Error(), Text: m.body}
			b.add(key, m.sent, "", int64(len(m.body)))
		case m.fate == stored && m.notice.Record != nil:
			if size+len(m.notice.Record) > maxRecords {
				flush()
			}
			records = append(records, m)
			size += len(m.notice.Record)
		}
	}
	flush()
	slices.SortFunc(b.list, func(x, y ingest.Object) int { return cmp.Compare(x.Key, y.Key) })
	return b
}

// addRecords puts records together into one object, named by its content.
func (b *bodies) addRecords(messages []*message) {
	text := []byte(`{"Records":[`)
	for i, m := range messages {
		if i > 0 {
			text = append(text, ",\n"...)
		}
		text = append(text, m.notice.Record...)
	}
	text = append(text, "]}\n"...)
	sum := sha256.Sum256(text)
	first := messages[0].sent
	key := "records/" + first.Format("2006/01/02/") + first.Format("150405") + "-" + hex.EncodeToString(sum[:8]) + ".json"
	if b.texts[key] != nil {
		return // the same message twice
	}
	b.texts[key] = text
	b.add(key, first, `"`+hex.EncodeToString(sum[:16])+`"`, int64(len(text)))
}

func (b *bodies) add(key string, at time.Time, etag string, size int64) {
	b.list = append(b.list, ingest.Object{
		Key: key, Size: size, ETag: etag, LastModified: at.Truncate(time.Second),
		Location: ingest.Location{DeliveredAt: at.Truncate(time.Minute)},
	})
}

// cleanID is the id of a message as it may stand in a key.
func cleanID(id string) string {
	id = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' {
			return r
		}
		return '_'
	}, id)
	return id[:min(len(id), 100)]
}

// Name implements ingest.Source.
func (b *bodies) Name() string { return b.name }

// List implements ingest.Source.
func (b *bodies) List(ctx context.Context, _ ingest.Selection, visit func([]ingest.Object) error) error {
	if len(b.list) > 0 {
		if err := visit(b.list); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Read implements ingest.Source.
func (b *bodies) Read(ctx context.Context, obj ingest.Object, dst []byte, _ int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	if p := b.poison[obj.Key]; p != nil {
		return dst, p
	}
	text, ok := b.texts[obj.Key]
	if !ok {
		return dst, fs.ErrNotExist
	}
	return append(dst, text...), nil
}

// Requests implements ingest.Source.
func (b *bodies) Requests() ingest.Requests { return ingest.Requests{} }
