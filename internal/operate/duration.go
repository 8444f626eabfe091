package operate

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Seconds is a span of time that JSON has in seconds.
type Seconds time.Duration

// MarshalJSON writes seconds.
func (s Seconds) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// UnmarshalJSON reads seconds.
func (s *Seconds) UnmarshalJSON(text []byte) error {
	var n float64
	if err := json.Unmarshal(text, &n); err != nil {
		return err
	}
	const most = 100 * 366 * 24 * 60 * 60 // a hundred years fit
	if math.IsNaN(n) || math.Abs(n) > most {
		return fmt.Errorf("%v seconds are too many", n)
	}
	*s = Seconds(math.Round(n * float64(time.Second)))
	return nil
}
