package sampledata

import "github.com/kmstrail/kmstrail/internal/cttest"

// rng is splitmix64: small, fast, and the same on every Go version.
type rng uint64

func newRNG(seed uint64, stream uint64) rng {
	r := rng(seed*0x9e3779b97f4a7c15 + stream*0xd1342543de82ef95)
	r.next()
	return r
}

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// n returns a number in [0, n).
func (r *rng) n(n int) int { return int(r.next() >> 33 % uint64(n)) }

// between returns a number in [low, high].
func (r *rng) between(low, high int) int { return low + r.n(high-low+1) }

// chance is true in percent of 1000 cases.
func (r *rng) permille(n int) bool { return r.n(1000) < n }

func (r *rng) float() float64 { return float64(r.next()>>11) / (1 << 53) }

func (r *rng) uuid() [16]byte {
	var id [16]byte
	a, b := r.next(), r.next()
	for i := range 8 {
		id[i], id[8+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

func (r *rng) uuidString() string {
	var b [36]byte
	return string(cttest.AppendUUID(b[:0], r.uuid()))
}

func (r *rng) hex(n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	var v uint64
	for i := range b {
		if i%16 == 0 {
			v = r.next()
		}
		b[i] = digits[v&15]
		v >>= 4
	}
	return string(b)
}

const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// suffix is the end of a log file's name.
func (r *rng) suffix() string {
	b := make([]byte, 16)
	for i := range b {
		b[i] = letters[r.n(len(letters))]
	}
	return string(b)
}

func pick[T any](r *rng, list []T) T { return list[r.n(len(list))] }
