package ingest

import "fmt"

// Decompressor returns the text of stored objects, as the decoder reads it. The zero
// value is ready; it is not safe for concurrent use.
type Decompressor struct{ z inflater }

// Text returns the decompressed content of a stored object, or the object itself
// when it is not compressed, valid until the next call. More than limit bytes are
// an error, whatever the object claims or expands to.
func (d *Decompressor) Text(stored []byte, limit int64) ([]byte, error) {
	if isGzip(stored) {
		return d.z.inflate(stored, limit)
	}
	if int64(len(stored)) > limit {
		return nil, fmt.Errorf("%w of %d bytes", errInflated, limit)
	}
	return stored, nil
}
