package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/kmstrail/kmstrail/ingest"
)

// gunzip returns the text of a log file; what a broken file still gives counts.
func gunzip(body []byte) ([]byte, error) {
	if !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		return body, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(r, ingest.DefaultMaxJSONBytes+1))
	if len(text) > ingest.DefaultMaxJSONBytes {
		return nil, errors.New("decompress: the file is larger than any CloudTrail log file")
	}
	if err != nil && len(text) == 0 {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return text, nil
}
