package trino

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// maxPage bounds one answer of the server. Trino makes pages of about a
	// megabyte, but a row is never split.
	maxPage = 256 << 20
	// requestTime bounds one request; Trino answers within seconds, finished or
	// not.
	requestTime = 5 * time.Minute
	// endTime bounds the request that ends a query.
	endTime = 5 * time.Second
)

// page is one answer to a statement.
type page struct {
	ID      string          `json:"id"`
	NextURI string          `json:"nextUri"`
	Columns []column        `json:"columns"`
	Data    json.RawMessage `json:"data"`
	Error   *reported       `json:"error"`
	Stats   struct {
		State string `json:"state"`
	} `json:"stats"`
}

// greet looks whether somebody answers, and whether it is ready.
func (e *Engine) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	resp, err := e.send(ctx, http.MethodGet, e.base.String()+"/v1/info", "", nil)
	if err != nil {
		if why := ended(ctx); why != nil {
			return fmt.Errorf("%w at %s: %w", ErrUnreachable, e.base, why)
		}
		return e.unreachable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return e.refused(resp)
	}
	var info struct {
		Starting bool `json:"starting"`
		Version  struct {
			Version string `json:"version"`
		} `json:"nodeVersion"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&info); err != nil {
		return fmt.Errorf("read what the server at %s says of itself: %w; is it a Trino?", e.base, err)
	}
	if info.Starting {
		return fmt.Errorf("server %s is still starting; try again in a minute", e.base)
	}
	e.version = bounded(info.Version.Version, 100)
	return nil
}

// send makes one request. The caller closes the body.
func (e *Engine) send(ctx context.Context, method, uri, body string, extra http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, uri, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, e.header)
	maps.Copy(req.Header, extra)
	e.authorize(req)
	return e.client.Do(req)
}

// passing are the answers after which Trino's protocol has the client ask again.
var passing = []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout}

// post sends a statement. It is sent again only when the server says that it
// did not take it: a statement must not run twice.
func (e *Engine) post(ctx context.Context, sql string) (*page, error) {
	return e.repeat(ctx, func() (*page, bool, error) {
		p, status, err := e.page(ctx, http.MethodPost, e.base.String()+"/v1/statement", sql)
		return p, status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable, err
	})
}

// get asks for the next page. The server gives it again to whoever did not get
// it, so that it may be asked for as often as it takes.
func (e *Engine) get(ctx context.Context, uri string) (*page, error) {
	return e.repeat(ctx, func() (*page, bool, error) {
		p, status, err := e.page(ctx, http.MethodGet, uri, "")
		return p, errors.Is(err, ErrUnreachable) || slices.Contains(passing, status), err
	})
}

// repeat tries until it succeeds, fails for good, or patience is at its end.
func (e *Engine) repeat(ctx context.Context, try func() (p *page, again bool, err error)) (*page, error) {
	patience := time.NewTimer(e.patience)
	defer patience.Stop()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		p, again, err := try()
		if why := ended(ctx); err != nil && why != nil {
			return nil, why
		}
		if err == nil || !again {
			return p, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-patience.C:
			return nil, err
		case <-time.After(wait):
		}
	}
}

// page makes one request that is answered with a page.
func (e *Engine) page(ctx context.Context, method, uri, sql string) (*page, int, error) {
	var extra http.Header
	if method == http.MethodPost {
		extra = e.statementHeader(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	resp, err := e.send(ctx, method, uri, sql, extra)
	if err != nil {
		return nil, 0, e.unreachable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, resp.StatusCode, e.refused(resp)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	if err != nil {
		return nil, 0, e.unreachable(err)
	}
	if len(body) > maxPage {
		return nil, resp.StatusCode, fmt.Errorf("server %s sent more than %d bytes at once", e.base, maxPage)
	}
	p := new(page)
	if err := json.Unmarshal(body, p); err != nil {
		return nil, resp.StatusCode, fmt.Errorf("read the answer of %s: %w; is it a Trino?", e.base, err)
	}
	return p, resp.StatusCode, nil
}

// follow checks that a page's successor lies on the same server, which alone may
// be sent the password.
func (e *Engine) follow(uri string) error {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != e.base.Scheme || u.Host != e.base.Host {
		return fmt.Errorf("server %s continues the result elsewhere, at %s; behind a proxy the server needs http-server.process-forwarded=true", e.base, bounded(place(u), 200))
	}
	return nil
}

func place(u *url.URL) string {
	if u == nil {
		return "no URL"
	}
	return u.Scheme + "://" + u.Host
}
