package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/klauspost/compress/gzip"
)

// errInflated says that a file decompresses to more than may be read.
var errInflated = errors.New("the decompressed file is over the limit")

// inflater decompresses gzip files into a buffer of its own, which is used
// again for the next file. It is not safe for concurrent use.
type inflater struct {
	z   *gzip.Reader
	src bytes.Reader
	buf []byte
}

// keepBuffer is how large a buffer is kept for the next file.
const keepBuffer = 64 << 20

func isGzip(b []byte) bool { return len(b) > 2 && b[0] == 0x1f && b[1] == 0x8b }

// inflate returns the decompressed content, of any number of gzip members,
// valid until the next call. More than limit bytes is errInflated: the
// text is never held beyond the limit, whatever the file claims or expands to.
func (f *inflater) inflate(gz []byte, limit int64) ([]byte, error) {
	f.src.Reset(gz)
	var err error
	if f.z == nil {
		f.z, err = gzip.NewReader(&f.src)
	} else {
		err = f.z.Reset(&f.src)
	}
	if err != nil {
		return nil, fmt.Errorf("read gzip header: %w", err)
	}
	if cap(f.buf) > keepBuffer {
		f.buf = nil
	}
	f.buf = grow(f.buf[:0], sizeHint(gz, limit))
	for {
		n, err := f.z.Read(f.buf[len(f.buf):cap(f.buf)])
		f.buf = f.buf[:len(f.buf)+n]
		if int64(len(f.buf)) > limit {
			return nil, fmt.Errorf("%w of %d bytes", errInflated, limit)
		}
		if errors.Is(err, io.EOF) {
			return f.buf, nil
		}
		if err != nil {
			return nil, fmt.Errorf("decompress after %d bytes: %w", len(f.buf), err)
		}
		if len(f.buf) == cap(f.buf) {
			f.buf = grow(f.buf, min(2*cap(f.buf), int(limit)+1))
		}
	}
}

// sizeHint guesses the decompressed size. The trailer of a gzip file holds
// the size of its last member modulo 2^32: a hint, bounded by what deflate
// can reach (1:1032) and by the limit.
func sizeHint(gz []byte, limit int64) int {
	const smallest = 4096
	if len(gz) < 18 {
		return smallest
	}
	n := int64(binary.LittleEndian.Uint32(gz[len(gz)-4:])) + 1
	return int(max(smallest, min(n, limit+1, int64(len(gz))*1032)))
}

// grow returns b with room for at least n bytes in all. The capacity is a power
// of two, so that files of growing size do not each ask for new memory.
func grow(b []byte, n int) []byte {
	if cap(b) >= n {
		return b
	}
	bigger := make([]byte, len(b), 1<<bits.Len(uint(n-1)))
	copy(bigger, b)
	return bigger
}
