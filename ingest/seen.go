package ingest

import (
	"crypto/sha256"
	"sync"
)

// maxSeen bounds a Seen to about 40 MB. An organisation with 3,600 accounts and
// Regions has as many log files a day.
const maxSeen = 1 << 20

// Seen remembers objects that the ledger of a store has as ingested, so that who
// lists the same day every minute asks the ledger for what is new only. It
// belongs to one store and may be used by several runs, also at the same time.
// When it is full it forgets everything, which costs time and nothing else.
type Seen struct {
	mu      sync.Mutex
	objects map[[16]byte]struct{}
}

// seenKey stands for an object as it is. Half of SHA-256 is more than enough
// that no other object, not even a made up one, is taken for it.
func seenKey(source string, o *Object) [16]byte {
	sum := sha256.Sum256([]byte(source + "\x00" + o.Key + "\x00" + o.ETag))
	return [16]byte(sum[:16])
}

// add remembers an object.
func (s *Seen) add(source string, o *Object) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects == nil || len(s.objects) >= maxSeen {
		s.objects = map[[16]byte]struct{}{}
	}
	s.objects[seenKey(source, o)] = struct{}{}
}

// without returns the objects of a page that are not remembered.
func (s *Seen) without(source string, page []Object) []Object {
	if s == nil {
		return page
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var left []Object
	for i := range page {
		if _, ok := s.objects[seenKey(source, &page[i])]; !ok {
			left = append(left, page[i])
		}
	}
	return left
}
