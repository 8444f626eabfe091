package histories

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
)

// repeat delivers some records once or twice more, in files of the same
// minute: by delay they are counted where the first one arrived.
func (m *maker) repeat() {
	for i := range m.h.Records {
		for m.chance(0.12) {
			r := m.h.Records[i]
			if m.chance(0.5) {
				r.JSON = reorder(m.Rand, r.JSON)
			}
			m.h.Records = append(m.h.Records, r)
		}
	}
}

// contradict adds records with the event id of another and other content.
func (m *maker) contradict(n int) {
	for range n {
		r := m.h.Records[m.IntN(len(m.h.Records))]
		changed := bytes.Replace(r.JSON, []byte(`"userAgent":"`), []byte(`"userAgent":"another `), 1)
		if !r.KMS || r.Replaced || bytes.Contains(r.JSON, []byte("UPDATED_DATA")) || bytes.Equal(changed, r.JSON) {
			continue
		}
		r.JSON = changed
		m.h.Records = append(m.h.Records, r)
	}
}

// reorder writes a record's members in another order.
func reorder(r *rand.Rand, record []byte) []byte {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(record, &members); err != nil {
		panic(err) // a record of cttest
	}
	names := slices.Sorted(maps.Keys(members))
	r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	b := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "%q: ", name)
		b = append(b, members[name]...)
	}
	return append(b, '}')
}

// idOf reads the event id of a record.
func idOf(record []byte) string {
	var r struct{ EventID string }
	if err := json.Unmarshal(record, &r); err != nil {
		panic(err) // a record of cttest
	}
	return r.EventID
}
