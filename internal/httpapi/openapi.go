package httpapi

import (
	_ "embed"
	"net/http"
)

// openapi.json is made by a test of the routes and of the Go types, and held to
// them by it: go test ./internal/httpapi -update.
//
//go:embed openapi.json
var openAPI []byte

func (h *Handler) openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI) // the client has gone
	return nil
}
