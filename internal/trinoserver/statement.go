package trinoserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// answer is a page of what Trino answers to a statement.
type answer struct {
	NextURI string  `json:"nextUri"`
	Data    [][]any `json:"data"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// statement runs SQL and returns its rows. It is no client, just enough to see
// whether a server works.
func statement(ctx context.Context, url, sql string) ([][]any, error) {
	page, err := request(ctx, http.MethodPost, url+"/v1/statement", sql)
	var rows [][]any
	for err == nil {
		if page.Error != nil {
			return nil, fmt.Errorf("statement %s: %s", sql, page.Error.Message)
		}
		rows = append(rows, page.Data...)
		if page.NextURI == "" {
			return rows, nil
		}
		page, err = request(ctx, http.MethodGet, page.NextURI, "")
	}
	return nil, err
}

func request(ctx context.Context, method, url, body string) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Trino-User", "kmstrail")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s", method, url, resp.Status)
	}
	page := new(answer)
	return page, json.NewDecoder(resp.Body).Decode(page)
}
