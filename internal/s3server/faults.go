package s3server

import (
	"net"
	"net/http"
)

// Faults are what goes wrong on purpose. The zero value lets all go right.
//
// The counted ones hit every n-th request (2 is every second one); zero is
// never. One request has at most one fault: the first in the order below.
type Faults struct {
	// SlowDownEvery answers 503 SlowDown.
	SlowDownEvery int
	// InternalErrorEvery answers 500 InternalError.
	InternalErrorEvery int
	// StallEvery answers nothing until the client gives up.
	StallEvery int
	// ResetEvery resets the connection without an answer.
	ResetEvery int
	// TruncateEvery promises the whole body, sends half and hangs up.
	TruncateEvery int

	// RequesterPays refuses requests that do not say x-amz-request-payer.
	RequesterPays bool
	// WrongRegion redirects every request, as the endpoint of another Region
	// does.
	WrongRegion bool
	// Deny answers requests with an error when it returns a code: key is "" for
	// listings, and prefix then is what is listed. An unknown code is a 403.
	Deny func(method, key, prefix string) (code, message string)
}

// statusOf is the HTTP status of error codes that are not 403.
func statusOf(code string) int {
	switch code {
	case "NotImplemented":
		return http.StatusNotImplemented
	case "NoSuchBucket", "NoSuchKey":
		return http.StatusNotFound
	case "ExpiredToken", "KMS.DisabledException", "KMS.NotFoundException":
		return http.StatusBadRequest
	case "SlowDown", "ServiceUnavailable":
		return http.StatusServiceUnavailable
	}
	return http.StatusForbidden
}

// deny applies the faults that depend on what is asked for.
func (s *Server) deny(r *http.Request) (apiError, bool) {
	f := s.cfg.Faults
	_, key := splitPath(r)
	if f.WrongRegion {
		return apiError{
			Status: http.StatusMovedPermanently, Code: "PermanentRedirect",
			Message: "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
		}, false
	}
	if f.RequesterPays && r.Header.Get("X-Amz-Request-Payer") != "requester" {
		return apiError{Status: http.StatusForbidden, Code: "AccessDenied", Message: "Access Denied"}, false
	}
	if f.Deny == nil {
		return apiError{}, true
	}
	code, message := f.Deny(r.Method, key, r.URL.Query().Get("prefix"))
	if code == "" {
		return apiError{}, true
	}
	return apiError{Status: statusOf(code), Code: code, Message: message}, false
}

// withFaults answers by a fault when it is its turn, else by next.
func (s *Server) withFaults(w http.ResponseWriter, r *http.Request, next http.Handler) {
	n, f := s.seq.Add(1), s.cfg.Faults
	hit := func(every int) bool {
		if every <= 0 || n%int64(every) != 0 {
			return false
		}
		s.faultsHit.Add(1)
		return true
	}
	switch {
	case hit(f.SlowDownEvery):
		s.writeError(w, r, apiError{Status: http.StatusServiceUnavailable, Code: "SlowDown", Message: "Please reduce your request rate."})
	case hit(f.InternalErrorEvery):
		s.writeError(w, r, apiError{Status: http.StatusInternalServerError, Code: "InternalError", Message: "We encountered an internal error. Please try again."})
	case hit(f.StallEvery):
		select {
		case <-r.Context().Done():
		case <-s.closed:
		}
		panic(http.ErrAbortHandler)
	case hit(f.ResetEvery):
		reset(w)
	case hit(f.TruncateEvery):
		next.ServeHTTP(&truncated{ResponseWriter: w}, r)
		panic(http.ErrAbortHandler) // hang up although more was promised
	default:
		next.ServeHTTP(w, r)
	}
}

// reset ends the connection with RST instead of FIN.
func reset(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// truncated passes on half of what is written at once.
type truncated struct{ http.ResponseWriter }

func (t *truncated) Write(p []byte) (int, error) {
	if _, err := t.ResponseWriter.Write(p[:len(p)/2]); err != nil {
		return 0, err
	}
	if f, ok := t.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
	return len(p), nil
}
