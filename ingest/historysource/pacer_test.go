package historysource

import (
	"testing"
	"time"
)

func TestPacer(t *testing.T) {
	p := newPacer(2)
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tests := []struct {
		at, want time.Duration
	}{
		{0, 0},
		{0, 500 * time.Millisecond},
		{100 * time.Millisecond, 900 * time.Millisecond},
		{1500 * time.Millisecond, 0}, // exactly its turn
		{5 * time.Second, 0},         // nothing is saved up
		{5 * time.Second, 500 * time.Millisecond},
	}
	for i, tt := range tests {
		if got := p.reserve(began.Add(tt.at)); got != tt.want {
			t.Errorf("turn %d: wait %v, want %v", i, got, tt.want)
		}
	}
}
