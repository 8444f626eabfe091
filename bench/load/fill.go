package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kmstrail/kmstrail/bench/organisation"
	"github.com/kmstrail/kmstrail/internal/duck"
)

// state is what is known of a filled store; it is kept beside it.
type state struct {
	Events int64 `json:"events"`
	// Next is where the clock of the next run starts, and Stream what its events
	// are made of.
	Next   time.Time `json:"next"`
	Stream uint64    `json:"stream"`

	path string
}

func (st *state) save() error {
	text, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(st.path+".json", append(text, '\n'), 0o644)
}

// fill makes the store unless it is there; the file beside it says that it is
// whole.
func (s *settings) fill(ctx context.Context, progress io.Writer) (*state, error) {
	// The first streams are those of bench.
	st := &state{Events: s.events, Next: organisation.FilledUntil, Stream: 1000, path: filepath.Join(s.dir, fmt.Sprintf("events-%d.duckdb", s.events))}
	text, err := os.ReadFile(st.path + ".json")
	if err == nil {
		return st, json.Unmarshal(text, st)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, suffix := range []string{"", ".wal", ".lock", ".tmp"} {
		if err := os.RemoveAll(st.path + suffix); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(progress, "filling %s with %d events, once\n", st.path, s.events)
	store, err := duck.Open(ctx, st.path, duck.Options{Threads: 1})
	if err != nil {
		return nil, err
	}
	start, printed := time.Now(), time.Now()
	err = organisation.Fill(ctx, store, s.events, func() {}, func(done int64) {
		if time.Since(printed) > 15*time.Second {
			printed = time.Now()
			fmt.Fprintf(progress, "%d of %d events, %s\n", done, s.events, time.Since(start).Round(time.Second))
		}
	})
	if err == nil {
		fmt.Fprintln(progress, "putting rollups together")
		_, err = store.Maintain(ctx, duck.Maintenance{Now: organisation.FilledUntil, All: true})
	}
	return st, errors.Join(err, store.Close())
}
