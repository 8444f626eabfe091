package ingest

import (
	"math/rand/v2"
	"testing"
)

// TestSkipString holds that both ways to the end of a string agree, wherever
// quotes and backslashes stand.
func TestSkipString(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		b := make([]byte, rng.IntN(40))
		for i := range b {
			b[i] = `aaaaaaab\\\"\xc3`[rng.IntN(12)]
		}
		want, _, _ := scanString(b, 0)
		if got := skipString(b, 0); got != want {
			t.Fatalf("skipString(%q) = %d, scanString says %d", b, got, want)
		}
	}
}
