package lake

import (
	"context"
	"errors"
)

// Objects that make the directories of tables exist.
const (
	// placeholder is for tables with partitions; engines skip names that begin so.
	placeholder = "_table"
	// emptyName is a file without rows, for the others.
	emptyName = "empty" + parquetSuffix
)

// MakeTables makes the directories of tables that may have no rows: in a file
// system Trino makes no table of a directory that is not there.
func MakeTables(ctx context.Context, b Bucket) error {
	for _, t := range Tables() {
		name, body := placeholder, []byte("Parquet files of the table "+t.Of.Name+", written by kmstrail.\n")
		if len(t.Partitions) == 0 {
			w, err := newFileWriter(&t)
			if err != nil {
				return err
			}
			if body, err = w.close(); err != nil {
				return err
			}
			name = emptyName
			if t.Current {
				name = currentName
			}
		}
		if err := b.Create(ctx, t.Name+"/"+name, body); err != nil && !errors.Is(err, ErrExists) {
			return err
		}
	}
	return nil
}

// isEmptyObject reports whether MakeTables or CheckCreate made an object.
func isEmptyObject(name string) bool {
	if name == createProof {
		return true
	}
	for _, t := range Tables() {
		if name == t.Name+"/"+placeholder || name == t.Name+"/"+emptyName {
			return true
		}
	}
	return false
}
