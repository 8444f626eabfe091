package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/kmstrail/kmstrail/internal/operate"
)

const (
	// answerTime is how long a server may take to answer.
	answerTime = 2 * time.Minute
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 512 << 20
)

// call asks for one address. body and answer may be nil.
func (c *Client) call(ctx context.Context, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, fmt.Errorf("ask server at %s: it does not answer", c.path))
	defer cancel()
	res, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return c.lost(ctx, err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return c.problem(res, text)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("ask server at %s: its answer is not what is expected: %w", c.path, err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("ask server: %w", err)
		}
		text = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, text)
	if err != nil {
		return nil, fmt.Errorf("ask server: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.lost(ctx, err)
	}
	c.answered.Store(true)
	return res, nil
}

// lost is the error for an answer that does not come.
func (c *Client) lost(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	_, dialing := errors.AsType[*net.OpError](err)
	if c.answered.Load() && (dialing || isClosed(err)) {
		return errEnded
	}
	return Unreachable(c.path, err)
}

// problem is the error that an answer describes.
func (c *Client) problem(res *http.Response, text []byte) error {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	var p struct {
		Code, Detail string
		Advice       []string
	}
	if told := WantsTLS(c.path, res.StatusCode, text); told != nil {
		return told
	}
	if kind != "application/problem+json" || json.Unmarshal(text, &p) != nil || p.Code == "" {
		return fmt.Errorf("ask server at %s: it answers %s; is it kmstrail?", c.path, res.Status)
	}
	found := &operate.Problem{Kind: p.Code, Detail: p.Detail, Advice: p.Advice}
	switch p.Code {
	case "bad_token", "expired":
		found.Detail = "ask server at " + c.path + ": " + p.Detail
	case "no_token":
		found.Detail = "ask server at " + c.path + ": " + p.Detail
		found.Advice = []string{"set client.token or KMSTRAIL_CLIENT_TOKEN; kmstrail token create makes one on the server's machine"}
	case "denied":
		found.Detail = "ask server at " + c.path + ": " + p.Detail
	}
	return found.Err()
}
