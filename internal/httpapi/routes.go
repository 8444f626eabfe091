package httpapi

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/kmstrail/kmstrail/ingest/digest"
	"github.com/kmstrail/kmstrail/internal/access"
	"github.com/kmstrail/kmstrail/internal/inventory"
	"github.com/kmstrail/kmstrail/internal/operate"
	"github.com/kmstrail/kmstrail/internal/status"
)

// route is one address and what happens there.
type route struct {
	Method, Path string
	// Action is its name in the audit log and in the OpenAPI description.
	Action string
	// Role is what one must be allowed; "" for what is open to all.
	Role access.Role
	// Summary says what it does, Doc what else there is to know.
	Summary, Doc string
	Query        []param
	// Body is the type of the request's JSON, Reply that of the answer's with
	// Status; nil for none. Type is the answer's where it is not JSON.
	Body, Reply any
	Status      int
	Type        string
	// MaxBody is how large the body may be, in bytes; zero means maxBody.
	MaxBody int64
	// Result and Progress are those of the job that it starts.
	Result, Progress any
	// Quiet routes are not in the audit log while they are answered: something
	// asks them every few seconds.
	Quiet bool

	handle func(h *Handler, w http.ResponseWriter, r *http.Request) error
}

// exactly ends a path of the multiplexer that is not a whole folder's.
const exactly = "{$}"

// label is the path as people and metrics have it.
func (r *route) label() string { return strings.TrimSuffix(r.Path, exactly) }

// checkQuery complains about parameters that the route does not know: what is
// mistyped would be left out in silence. Pages without any take what browsers
// and monitors put there.
func (r *route) checkQuery(req *http.Request) error {
	if len(r.Query) == 0 && !strings.HasPrefix(r.Path, "/api/") {
		return nil
	}
	asked, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		return operate.Usagef("encode each value as a URL needs it", "the parameters cannot be read: %v", err)
	}
	names := make([]string, len(r.Query))
	for i, p := range r.Query {
		names[i] = p.Name
		if len(asked[p.Name]) > 1 && !p.Repeat {
			return operate.Usagef("give it once", "the parameter %s is given more than once", p.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		if len(names) == 0 {
			return operate.Usagef("leave it out: this address has no parameters", "unknown parameter %q", name)
		}
		if err := operate.OneOf("parameter", name, names); err != nil {
			return err
		}
	}
	return nil
}

// param is a parameter of the query string.
type param struct {
	Name, Doc string
	Values    []string
	Repeat    bool
}

const (
	htmlType  = "text/html"
	plainType = "text/plain"
)

// routes is all that can be asked.
func routes() []route {
	return append(append(pages(), apiRead()...), apiWrite()...)
}

func pages() []route {
	return []route{
		{
			Method: "GET", Path: "/healthz", Action: "healthz", Type: plainType, Status: 200, Quiet: true,
			Summary: "Is the process up?", Doc: "Always 200 with `ok`.", handle: (*Handler).healthz,
		},
		{
			Method: "GET", Path: "/readyz", Action: "readyz", Type: plainType, Status: 200, Quiet: true,
			Summary: "Can it answer?",
			Doc:     "200 with `ready`, and a line `degraded: …` for each thing that is wrong and does not keep it from answering: a first poll that has not ended, a source that cannot be read, a disk that is nearly full. 503 with a line that says why while it cannot: the store does not answer, the server is ending.",
			handle:  (*Handler).readyz,
		},
		{
			Method: "GET", Path: "/metrics", Action: "metrics", Role: access.Read, Type: plainType, Status: 200, Quiet: true,
			Summary: "Metrics for Prometheus", Doc: "docs/metrics.md lists them.", handle: (*Handler).metrics,
		},
		{
			Method: "GET", Path: "/{$}", Action: "page", Role: access.Read, Type: htmlType, Status: 200,
			Summary: "The status page", Doc: "For people. It refreshes every 30 s.", handle: (*Handler).statusPage,
		},
		{
			Method: "GET", Path: "/reports/{$}", Action: "reports.list", Role: access.Read, Type: htmlType, Status: 200,
			Summary: "The reports that were written", handle: (*Handler).listReports,
		},
		{
			Method: "GET", Path: "/reports/now.html", Action: "reports.now", Role: access.Read, Type: htmlType, Status: 200, Query: lastParam,
			Summary: "A report over the last days up to now", Doc: "Made from what the detectors have found so far, and kept for a minute.", handle: (*Handler).nowReport,
		},
		{
			Method: "GET", Path: "/reports/now.md", Action: "reports.now_markdown", Role: access.Read, Type: plainType, Status: 200, Query: lastParam,
			Summary: "The same in Markdown", handle: (*Handler).nowReport,
		},
		{
			Method: "GET", Path: "/reports/now.json", Action: "reports.now_json", Role: access.Read, Type: "application/json", Status: 200, Query: lastParam,
			Summary: "The same in JSON", handle: (*Handler).nowReport,
		},
		{
			Method: "GET", Path: "/reports/{name}", Action: "reports.get", Role: access.Read, Type: htmlType, Status: 200,
			Summary: "A report that was written", Doc: "HTML, Markdown or JSON by the end of its name.", handle: (*Handler).getReport,
		},
	}
}

var lastParam = []param{{Name: "last", Doc: "How far back: 12h, 7d, 2w. 7d when it is not given."}}

func apiRead() []route {
	return []route{
		{
			Method: "GET", Path: "/api/v1/openapi.json", Action: "openapi", Role: access.Read, Type: "application/json", Status: 200,
			Summary: "This description", handle: (*Handler).openAPI,
		},
		{
			Method: "GET", Path: "/api/v1/server", Action: "server.get", Role: access.Read, Reply: ServerInfo{}, Status: 200,
			Summary: "What answers, and who asks", handle: (*Handler).serverInfo,
		},
		{
			Method: "GET", Path: "/api/v1/status", Action: "status.get", Role: access.Read, Reply: status.Status{}, Status: 200,
			Summary: "What the store holds and lacks, and what the server is doing",
			Doc:     "The JSON of `kmstrail status`. What is said of the store may be some seconds old.", handle: (*Handler).getStatus,
		},
		{
			Method: "GET", Path: "/api/v1/findings", Action: "findings.list", Role: access.Read, Reply: FindingList{}, Status: 200,
			Summary: "Findings, worst first", Doc: "Those that somebody should look at (new and in progress), unless status says otherwise.",
			Query: []param{
				{Name: "status", Doc: "Only of this status, or all.", Values: []string{"new", "in_progress", "suppressed", "resolved", "withdrawn", "all"}, Repeat: true},
				{Name: "severity", Doc: "Only of this severity.", Values: []string{"critical", "high", "medium", "low", "info"}, Repeat: true},
				{Name: "detector", Doc: "Only of the detector with this id.", Repeat: true},
				{Name: "key", Doc: "Only about this key: a key ARN, a key id, an alias or an alias ARN."},
				{Name: "from", Doc: "Only with events at or after this time (RFC 3339, or a date)."},
				{Name: "to", Doc: "Only with events before this time."},
				{Name: "limit", Doc: "At most so many."},
			},
			handle: (*Handler).listFindings,
		},
		{
			Method: "GET", Path: "/api/v1/findings/{id}", Action: "findings.get", Role: access.Read, Reply: FindingDetail{}, Status: 200,
			Summary: "One finding and its history", Doc: "The first characters of the id are enough where they are one finding's.", handle: (*Handler).getFinding,
		},
		{
			Method: "GET", Path: "/api/v1/queries", Action: "queries.list", Role: access.Read, Reply: NamedQueryList{}, Status: 200,
			Summary: "The ready-made questions", handle: (*Handler).listQueries,
		},
		{
			Method: "GET", Path: "/api/v1/queries/{id}", Action: "queries.get", Role: access.Read, Reply: NamedQuery{}, Status: 200,
			Summary: "One of them with its SQL", handle: (*Handler).getQuery,
		},
		{
			Method: "POST", Path: "/api/v1/queries/{id}/run", Action: "queries.run", Role: access.Read, Body: RunRequest{}, Type: "application/json", Status: 200,
			Summary: "Ask one of them",
			Doc:     "Answers with the rows: an array of objects, JSON lines or CSV. An answer that cannot be finished is cut off without its end, so a client sees that it is not whole. SQL of one's own goes over Arrow Flight SQL.",
			handle:  (*Handler).runQuery,
		},
		{
			Method: "GET", Path: "/api/v1/jobs", Action: "jobs.list", Role: access.Read, Reply: JobList{}, Status: 200,
			Summary: "Jobs, the newest first, without their results", handle: (*Handler).listJobs,
		},
		{
			Method: "GET", Path: "/api/v1/jobs/{id}", Action: "jobs.get", Role: access.Read, Reply: Job{}, Status: 200, Quiet: true,
			Summary: "One job", Doc: "Ended jobs are kept for a day, at most 100.",
			Query: []param{
				{Name: "wait", Doc: "Answer when the job has changed, or after this time: 10s, at most 1m."},
				{Name: "version", Doc: "The version that is known: answer at once when the job has another."},
			},
			handle: (*Handler).getJob,
		},
	}
}

func apiWrite() []route {
	return []route{
		{
			Method: "POST", Path: "/api/v1/findings/decide", Action: "findings.decide", Role: access.Operate, Body: operate.DecideRequest{}, Reply: Decisions{}, Status: 200,
			Summary: "Acknowledge, suppress, resolve or reopen findings",
			Doc:     "Over the network the history names the token, beside the name in `by`.", handle: (*Handler).decide,
		},
		{
			Method: "POST", Path: "/api/v1/ingest", Action: "ingest", Role: access.Operate, Body: operate.IngestRequest{}, Reply: Job{}, Status: 202,
			Result: operate.IngestResult{}, Progress: operate.IngestProgress{},
			Summary: "Read log files now",
			Doc:     "What is left out is as the configuration says. `reconcile` also reads again what is in quarantine; `dry_run` only lists. Another `source` than the configured one needs the role admin.",
			handle:  (*Handler).ingest,
		},
		{
			Method: "POST", Path: "/api/v1/verify", Action: "verify", Role: access.Operate, Body: operate.VerifyRequest{}, Reply: Job{}, Status: 202,
			Result: operate.VerifyResult{}, Progress: digest.Progress{},
			Summary: "Compare log files with CloudTrail's digests",
			Doc:     "Reads digests and log files of days of delivery, and stores what it finds in `log_file_validation`. What is left out is as the configuration says; without times it is the last 7 days. Another `source` than the configured one needs the role admin.",
			handle:  (*Handler).verify,
		},
		{
			Method: "POST", Path: "/api/v1/detect", Action: "detect", Role: access.Operate, Body: operate.DetectRequest{}, Reply: Job{}, Status: 202,
			Result: operate.DetectResult{}, Progress: DetectProgress{},
			Summary: "Run detectors now", handle: (*Handler).detect,
		},
		{
			Method: "POST", Path: "/api/v1/rebuild", Action: "rebuild", Role: access.Operate, Body: operate.RebuildRequest{}, Reply: Job{}, Status: 202,
			Result: operate.RebuildResult{}, Progress: operate.RebuildProgress{},
			Summary: "Compute derived tables anew from the events", handle: (*Handler).rebuild,
		},
		{
			Method: "POST", Path: "/api/v1/maintain", Action: "maintain", Role: access.Operate, Body: operate.MaintainRequest{}, Reply: Job{}, Status: 202,
			Result:  operate.MaintainResult{},
			Summary: "Put sums together, delete what is too old", handle: (*Handler).maintain,
		},
		{
			Method: "POST", Path: "/api/v1/backup", Action: "backup", Role: access.Operate, Body: operate.BackupRequest{}, Reply: Job{}, Status: 202,
			Result:  operate.BackupResult{},
			Summary: "Copy the store into the server's directory of backups", handle: (*Handler).backup,
		},
		{
			Method: "POST", Path: "/api/v1/inventory", Action: "inventory", Role: access.Operate, Body: inventory.Batch{}, MaxBody: maxInventory,
			Reply: operate.InventoryResult{}, Status: 200,
			Summary: "Store what an inventory of keys says, or a part of it",
			Doc:     "All of the body is stored, or nothing. The members of `records` are kinds of records, and the members of a record columns of the tables `inventory_…` (docs/inventory-format.md). A run whose `status` is `open` takes more later; one that has ended does not. The body may have 64 MiB.",
			handle:  (*Handler).inventory,
		},
		{
			Method: "DELETE", Path: "/api/v1/jobs/{id}", Action: "jobs.cancel", Role: access.Operate, Reply: Job{}, Status: 200,
			Summary: "Cancel a job", Doc: "What it has done so far stays done. Ask for the job to see it end.", handle: (*Handler).cancelJob,
		},
		{
			Method: "GET", Path: "/api/v1/running", Action: "running.list", Role: access.Operate, Reply: QueryList{}, Status: 200,
			Summary: "Queries of users (Arrow Flight SQL) that wait or run, with their SQL", handle: (*Handler).listRunning,
		},
		{
			Method: "DELETE", Path: "/api/v1/running/{id}", Action: "running.cancel", Role: access.Operate, Status: 204,
			Summary: "End one of them", handle: (*Handler).cancelRunning,
		},
		{
			Method: "GET", Path: "/api/v1/tokens", Action: "tokens.list", Role: access.Admin, Reply: TokenList{}, Status: 200,
			Summary: "Tokens, without their secrets", handle: (*Handler).listTokens,
		},
		{
			Method: "POST", Path: "/api/v1/tokens", Action: "tokens.create", Role: access.Admin, Body: TokenRequest{}, Reply: NewToken{}, Status: 201,
			Summary: "Make a token", Doc: "It expires after 90 days, unless `expires_at` says when or `never_expires` says that it does not. The answer has its secret, which nothing can tell again.", handle: (*Handler).createToken,
		},
		{
			Method: "DELETE", Path: "/api/v1/tokens/{name}", Action: "tokens.revoke", Role: access.Admin, Status: 204,
			Summary: "Revoke a token", Doc: "At once, for everything that uses it.", handle: (*Handler).revokeToken,
		},
	}
}
