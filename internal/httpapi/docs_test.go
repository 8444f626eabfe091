package httpapi

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/kmstrail/kmstrail/internal/golden"
)

const pageIntro = `# HTTP

` + "`kmstrail serve`" + ` answers over HTTP at ` + "`server.http`" + ` (127.0.0.1:8814 unless the configuration says otherwise): health, metrics, a status page, reports, and an API for everything that changes a store. Queries in SQL go over Arrow Flight SQL at ` + "`server.flight`" + `. The commands of kmstrail use this API by themselves when a server has the store open.

A program of the same user on the same machine may also ask through the unix socket beside the store (` + "`<db>.run/http.sock`" + `), without a token:

` + "```sh" + `
curl --unix-socket kmstrail.duckdb.run/http.sock http://localhost/api/v1/status
` + "```" + `

## Who may ask

Over the network a token is needed, of the role that the route names or of a higher one: read, operate, admin. ` + "`kmstrail token create NAME --role ROLE`" + ` makes one. Programs send it as ` + "`Authorization: Bearer TOKEN`" + `; a browser asks for a name and a password, where any name will do and the token is the password. With ` + "`server.anonymous`" + ` programs and people of this machine may read without one, by the names of this machine (` + "`localhost`, `127.0.0.1`" + `) and no others.

` + "```sh" + `
curl -H "Authorization: Bearer $TOKEN" https://kmstrail.example.com:8814/api/v1/findings?severity=critical
` + "```" + `

Everything that is asked is in the audit log: who, from where, what, and how it ended. Left out are, while they are answered, ` + "`/healthz`, `/readyz`, `/metrics`" + ` and the questions how far a job is.

What a page of another site makes a browser send is refused: requests that change something, and the loading of anything of this server by it. Bodies must be ` + "`application/json`" + `. The pages load nothing and run no script.

## Work that takes long

is a job. The request that starts it answers 202 with the job and its address; ask there until it has ended, with ` + "`wait`" + ` so that the answer comes when there is something new:

` + "```sh" + `
job=$(curl -s -X POST -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
  -d '{"accounts": ["111122223333"], "last_seconds": 14400}' "$SERVER/api/v1/ingest" | jq -r .id)
curl -s -H "Authorization: Bearer $TOKEN" "$SERVER/api/v1/jobs/$job?wait=30s" | jq '{state, version, progress, result, problem}'
` + "```" + `

A job goes on when who asked for it goes away; ` + "`DELETE`" + ` on its address cancels it. What was done before stays done, and is in the result of a job that failed or was cancelled. Jobs of one kind run one after the other. They end with the server.

## Errors

are ` + "`application/problem+json`" + ` (RFC 9457) with ` + "`title`, `status`, `detail`" + `, a list ` + "`advice`" + ` of what to do, and a ` + "`code`" + `:

| Code | Status | Means |
| --- | --- | --- |
`

const limitsText = `
## Limits

| What | Limit |
| --- | --- |
| body of a request | %d MiB |
| rows and time of a named query | ` + "`server.query_rows`, `server.query_time`" + ` |
| jobs that wait or run | %d |
| ended jobs that are kept | %d, for a day, %d MiB of results |
| waiting for a job in one request | %s |
| accounts and Regions on the page's map | %d, those that miss most first |
| age of what the page and the metrics say of the store | %s, and ten times as long as it takes to read it |
`

// TestPageOfRoutes holds docs/http-api.md to the routes; -update writes it.
func TestPageOfRoutes(t *testing.T) {
	var b strings.Builder
	b.WriteString(pageIntro)
	for _, c := range codes {
		fmt.Fprintf(&b, "| `%s` | %d | %s |\n", c.code, c.status, c.doc)
	}
	b.WriteString("\n## All routes\n\n`GET /api/v1/openapi.json` describes them for programs (OpenAPI 3.1), with every member of bodies and answers.\n")
	d := newDescriber(t)
	for _, part := range []struct {
		title  string
		routes []route
	}{{"For people and monitors", pages()}, {"To ask", apiRead()}, {"To change", apiWrite()}} {
		fmt.Fprintf(&b, "\n### %s\n\n| Route | Role | What |\n| --- | --- | --- |\n", part.title)
		for _, r := range part.routes {
			role := string(r.Role)
			if role == "" {
				role = "open to all"
			}
			fmt.Fprintf(&b, "| `%s %s` | %s | %s |\n", r.Method, strings.TrimSuffix(r.Path, "{$}"), role, routeText(d, &r))
		}
	}
	fmt.Fprintf(&b, limitsText, maxBody>>20, maxOpenJobs, maxEndedJobs, maxResults>>20, maxWait, coverageRows, factsAge)
	golden.EqualString(t, b.String(), "../../docs/http-api.md")
}

func routeText(d *describer, r *route) string {
	text := strings.TrimSuffix(r.Summary, ".")
	if !strings.HasSuffix(text, "?") {
		text += "."
	}
	if r.Doc != "" {
		text += " " + r.Doc
	}
	if r.Body != nil {
		text += " Body: `" + d.name(reflect.TypeOf(r.Body)) + "`."
	}
	if r.Result != nil {
		text += " Result: `" + d.name(reflect.TypeOf(r.Result)) + "`."
	}
	for i, p := range r.Query {
		if i == 0 {
			text += " Parameters:"
		} else {
			text += ";"
		}
		text += " `" + p.Name + "`: " + strings.TrimSuffix(strings.ToLower(p.Doc[:1])+p.Doc[1:], ".")
	}
	if len(r.Query) > 0 {
		text += "."
	}
	return text
}
