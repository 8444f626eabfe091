package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/kmstrail/kmstrail/internal/operate"
)

// decode reads the body of a request: one JSON value, and nothing that T does
// not know. An empty body is an empty object.
func decode[T any](r *http.Request) (T, error) {
	var v T
	text, err := io.ReadAll(r.Body)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return v, &httpError{status: http.StatusRequestEntityTooLarge, code: operate.KindUsage, text: fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)}
	}
	if err != nil {
		return v, usage("", "the body could not be read: "+err.Error())
	}
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, usage("GET /api/v1/openapi.json describes it", "the body is not what is expected: "+strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, usage("", "the body has something behind its JSON value")
	}
	return v, nil
}

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, v any) error {
	var b bytes.Buffer
	if err := encode(&b, v); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client has gone
	return nil
}
