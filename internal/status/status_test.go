package status

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func TestStatus_lag(t *testing.T) {
	at := now.Add(-7 * time.Minute)
	future := now.Add(time.Minute)
	for _, tt := range []struct {
		last *time.Time
		want time.Duration
	}{{nil, 0}, {&at, 7 * time.Minute}, {&future, 0}} {
		if got := (&Status{LastEvent: tt.last}).Lag(now); got != tt.want {
			t.Errorf("Lag of %v is %s, want %s", tt.last, got, tt.want)
		}
	}
}

func TestStatus_lastDelivery(t *testing.T) {
	early, late := now.Add(-time.Hour), now
	if got := (&Status{}).LastDelivery(); got != nil {
		t.Errorf("without places: %v", got)
	}
	s := Status{Places: []Place{{}, {LastFile: &late}, {LastFile: &early}}}
	if got := s.LastDelivery(); got == nil || !got.Equal(late) {
		t.Errorf("got %v, want %v", got, late)
	}
}

func TestDisk_low(t *testing.T) {
	for _, tt := range []struct {
		free, least uint64
		want        bool
	}{{0, 0, false}, {0, 10, false}, {9, 10, true}, {10, 10, false}, {11, 10, false}} {
		if got := (Disk{FreeBytes: tt.free, MinFreeBytes: tt.least}).Low(); got != tt.want {
			t.Errorf("%d free of at least %d: %v", tt.free, tt.least, got)
		}
	}
}

// TestStatus_withoutServer: the JSON of a store that no server has is what it
// was before there were servers.
func TestStatus_withoutServer(t *testing.T) {
	text, err := json.Marshal(Status{DB: "a"})
	if err != nil || strings.Contains(string(text), `"server"`) {
		t.Errorf("got %s, %v", text, err)
	}
}
