package frames

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow/array"
)

// Read makes frames of what r still has. It does not release r, and leaves rows
// in it when a limit ends the result.
//
// It fails when the stream does, whatever came before; when a column has a type
// that it does not know; and when the columns do not make the format.
func Read(r array.RecordReader, o Options) (Result, error) {
	return Result{}, errors.New("read frames: not written yet")
}
