package lake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Turns
//
// Workers of one version write the same files under the same names: one that
// comes late, when the plan is done, changes nothing. One of another version
// would bring rows back that were dropped as repeats; if it died then, nobody
// would drop them again. So a worker that is about to write says first, in a turn
// of the plan, what its version is and which files it will write. Workers of that
// version share the turn; one of another takes the next. Before it writes it
// creates, empty, all files of earlier turns that are not there: whoever comes
// late finds the names taken. Names tell the turn, so that no turn empties the
// files of a later one.
//
// A plan with one turn is done when it is in the ledger. With more, also the last
// turn has to have ended: it may have begun to write after another got the plan
// into the ledger.

// turn is the content of a turn's file.
type turn struct {
	Maker string   `json:"maker"`
	Files []string `json:"files"`
}

// turnName is the name of a turn of a plan.
func turnName(dir string, id planID, n int) string {
	return fmt.Sprintf("%s%s%s%d%s", dir, id, turnInfix, n, planSuffix)
}

// endedName is the name of the object that says that a turn has ended.
func endedName(dir string, id planID, n int) string {
	return fmt.Sprintf("%s%s%s%d%s", dir, id, endedInfix, n, planSuffix)
}

// readTurns reads the turns of a plan.
func readTurns(ctx context.Context, b Bucket, dir string, id planID) ([]turn, error) {
	var turns []turn
	for {
		name := turnName(dir, id, len(turns))
		body, err := b.Get(ctx, name)
		if errors.Is(err, fs.ErrNotExist) {
			return turns, nil
		}
		if err != nil {
			return nil, err
		}
		var t turn
		if err := json.Unmarshal(body, &t); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		turns = append(turns, t)
	}
}

// finished reports whether nothing is left to do for a plan.
func finished(ctx context.Context, b Bucket, dir string, p *plan) (bool, error) {
	if there, err := exists(ctx, b, p.ledgerName()); !there || err != nil {
		return false, err
	}
	turns, err := readTurns(ctx, b, dir, p.id())
	if err != nil || len(turns) < 2 {
		return err == nil, err
	}
	return exists(ctx, b, endedName(dir, p.id(), len(turns)-1))
}

// takeTurn returns the turn in which to write files, and those before it. names
// tells what the files are called in a turn.
func takeTurn(ctx context.Context, b Bucket, dir string, id planID, maker string, names func(n int) []string) (mine int, before []turn, err error) {
	for {
		turns, err := readTurns(ctx, b, dir, id)
		if err != nil {
			return 0, nil, err
		}
		if last := len(turns) - 1; last >= 0 && turns[last].Maker == maker && slices.Equal(turns[last].Files, names(last)) {
			return last, turns[:last], nil
		}
		body, err := json.Marshal(turn{maker, names(len(turns))})
		if err != nil {
			return 0, nil, err
		}
		if err := b.Create(ctx, turnName(dir, id, len(turns)), body); !errors.Is(err, ErrExists) {
			return len(turns), turns, err
		}
	}
}

// takeNames creates the files of turns that are not there, without rows.
func takeNames(ctx context.Context, b Bucket, turns []turn) error {
	for _, t := range turns {
		for _, name := range t.Files {
			of := TableNamed(name[:max(0, strings.IndexByte(name, '/'))])
			if of == nil {
				return fmt.Errorf("a turn names %q, which is no file of a table", name)
			}
			w, err := newFileWriter(of)
			if err != nil {
				return err
			}
			body, err := w.close()
			if err != nil {
				return err
			}
			if err := b.Create(ctx, name, body); err != nil && !errors.Is(err, ErrExists) {
				return err
			}
		}
	}
	return nil
}
