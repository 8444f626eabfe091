package output

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Limit returns a reader of the first n rows of r, which it does not own.
func Limit(r array.RecordReader, n int64) array.RecordReader {
	return &limitReader{RecordReader: r, left: n}
}

type limitReader struct {
	array.RecordReader
	left    int64
	current arrow.RecordBatch // a part of a batch; ours
}

func (l *limitReader) Next() bool {
	l.drop()
	if l.left <= 0 || !l.RecordReader.Next() {
		return false
	}
	rec := l.RecordReader.RecordBatch()
	if n := rec.NumRows(); n > l.left {
		l.current = rec.NewSlice(0, l.left)
		l.left = 0
	} else {
		l.left -= n
	}
	return true
}

func (l *limitReader) RecordBatch() arrow.RecordBatch {
	if l.current != nil {
		return l.current
	}
	return l.RecordReader.RecordBatch()
}

// Record is RecordBatch under its old name.
func (l *limitReader) Record() arrow.RecordBatch { return l.RecordBatch() }

// Release frees what Limit made; the reader below stays with its owner.
func (l *limitReader) Release() { l.drop() }

// Retain does nothing, as Release does not free the reader below.
func (l *limitReader) Retain() {}

func (l *limitReader) drop() {
	if l.current != nil {
		l.current.Release()
		l.current = nil
	}
}
