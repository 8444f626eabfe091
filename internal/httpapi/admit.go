package httpapi

import (
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/internal/access"
)

// protect sets what every answer has: nothing is kept, guessed, framed or
// loaded. Pages that need a style say so themselves.
func protect(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
}

// checkOrigin refuses what a page of somebody else makes a browser send. A link
// to a page of ours is all right.
func (h *Handler) checkOrigin(r *http.Request) error {
	if err := h.foreign.Check(r); err != nil {
		return &httpError{code: codeOrigin, text: "a page of another site asks for this"}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return nil
	}
	if r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" && !strings.HasPrefix(r.URL.Path, "/api/") {
		return nil
	}
	return &httpError{code: codeOrigin, text: "a page of another site asks for this"}
}

// admit says who asks and whether they may.
func (h *Handler) admit(r *http.Request, x *exchange) error {
	if x.route.Role == "" {
		return nil
	}
	p, err := h.principal(r)
	if err != nil {
		return err
	}
	x.principal = p
	if p.Name == access.AnonymousName && !h.ownName(r.Host) {
		// A name that somebody else has pointed at this machine, so that their
		// page may read what a browser here may.
		return &httpError{code: codeOrigin, text: "without a token this server is only asked by its own name",
			advice: "ask for http://127.0.0.1 with the server's port, or send a token"}
	}
	if p.Name == access.AnonymousName && forwarded(r) {
		return &httpError{code: codeNoToken, text: "a token is needed behind a proxy: it makes everybody look like this machine"}
	}
	return p.Need(x.route.Role)
}

// forwarded reports whether a proxy says that it passes a request on.
func forwarded(r *http.Request) bool {
	return slices.ContainsFunc([]string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"}, func(name string) bool { return r.Header.Get(name) != "" })
}

func (h *Handler) principal(r *http.Request) (access.Principal, error) {
	if l, ok := r.Context().Value(localKey{}).(local); ok {
		if l.err != nil {
			return access.Principal{}, &httpError{code: codeDenied, text: l.err.Error()}
		}
		return l.principal, nil
	}
	return h.opts.Guard.Authenticate(r.Header.Get("Authorization"), peer(r.RemoteAddr))
}

// peer is the address of a client.
type peer string

func (p peer) Network() string { return "tcp" }
func (p peer) String() string  { return string(p) }

var _ net.Addr = peer("")

// ownName reports whether the Host of a request is this machine.
func (h *Handler) ownName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback() || slices.Contains(h.opts.Hosts, host)
	}
	return host == "localhost" || slices.Contains(h.opts.Hosts, host)
}

// checkBody refuses what a form of a web page could send.
func (h *Handler) checkBody(r *http.Request) error {
	if r.Method != http.MethodPost {
		return nil
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := params["charset"]; err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return &httpError{status: http.StatusUnsupportedMediaType, code: "usage", text: "the body must be JSON",
			advice: "send it with Content-Type: application/json"}
	}
	return nil
}
