# Everything a developer or CI does. "make" alone prints the targets.
#
# A build needs Go, a C and C++ tool chain (DuckDB is linked in as a static C++
# library) and make. Nothing is installed outside Go's own caches and bin/.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

# The Arrow interface of duckdb-go exists only under this build tag. This is
# the only place that names it for builds.
GOTAGS := duckdb_arrow
export GOFLAGS := $(strip $(GOFLAGS) -tags=$(GOTAGS))
export CGO_ENABLED := 1

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION)

# Commands that list packages. Those with golden files have the flag -update.
LIST_GOLDEN := go list -f '{{.ImportPath}} {{join .TestImports " "}} {{join .XTestImports " "}}' ./... \
	| awk '/\/internal\/golden( |$$)/ {print $$1}'
# Those for the race detector start goroutines or have locks. Who only reads something
# once (sync.OnceValue) leaves the rest to sync.
LIST_CONCURRENT := git grep -lE '\b(errgroup|semaphore|sync)\.(Cond|Group|Map|Mutex|New|Once\>|Pool|RWMutex|WaitGroup|With)|\batomic\.' -- '*.go' ':!*_test.go' \
	| xargs -n1 dirname | sort -u | sed 's,^,./,'

# Each fuzz target runs this long under "make long".
FUZZTIME ?= 60s

.PHONY: help
help: ## print the targets (this)
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: check
check: ## all that CI does, with the minutes of each step
	./.ci/run

.PHONY: build
build: toolchain ## build bin/kmstrail
	go build -ldflags '$(LDFLAGS)' -o bin/kmstrail ./cmd/kmstrail

.PHONY: test
test: toolchain ## run all tests
	go test ./...

# Left out under the race detector, where each takes minutes: cases and scripts
# that do one thing after the other, large samples, processes that are killed, long histories, and
# the faults of lake workers, which do not end in CI's time. "make test" runs them.
NO_RACE := Cases|DerivedTablesAreExact|Export[A-Za-z_]*|Findings_doNotDependOnTheOrder|FullDisk|GenerateBench[A-Za-z]*|HostileSQL|Killed[A-Za-z]*|Kills|MaintainThatFailsAnywhere|Queries_server|Script|Terminated|Truth|Upgrade|Write_faults|Write_kills|Write_otherMakers

.PHONY: race
race: toolchain ## run the tests of concurrent code under the race detector
	packages=$$($(LIST_CONCURRENT) | grep -v '/internal/lake$$'); go test -race -skip '^Test($(NO_RACE))$$' $$packages
	go test -race -skip '^Test($(NO_RACE))$$' ./internal/lake -seeds 2

.PHONY: long
long: toolchain ## kill, fault, history and fuzz suites at full length
	go test -count=1 -timeout 30m ./ingest -kills 50
	go test -count=1 -timeout 30m ./internal/lake -seeds 40 -kills 60
	go test -count=1 -timeout 30m ./internal/serve -run '^TestKills$$' -kills 100
	go test -count=1 -timeout 30m ./internal/duck -run '^TestDerivedTablesAreExact$$' -histories 150
	git grep -n '^func Fuzz' -- '*_test.go' \
	| sed -E 's,^(.*)/[^/]+:[0-9]+:func (Fuzz[A-Za-z0-9_]*).*,\1 \2,' \
	| while read -r dir name; do \
	    go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "./$$dir"; \
	  done

.PHONY: demo
demo: build ## sample bucket -> loopback S3 -> ingest -> findings -> demo/report.html
	bin/kmstrail demo --dir demo

# The sample data in Grafana: of GRAFANA_URL, GRAFANA_HOME, the PATH or Docker, else
# the page of the harness. Ctrl-C ends it.
DEMO_DIR ?= demo
GRAFANA_PORT ?= 3000

.PHONY: demo-grafana
demo-grafana: build plugin-frontend harness ## sample data, kmstrail serve and a provisioned Grafana on loopback, GRAFANA_PORT=3000, until Ctrl-C (Node.js)
	$(PACK_PLUGIN) -platforms host
	go build -o bin/demo-grafana ./grafana-plugin/demo
	@exec bin/demo-grafana -dir '$(DEMO_DIR)' -port '$(GRAFANA_PORT)'

# Events in the large store that "make bench" fills. 50 million take about half
# an hour and 7 GB in bench/data; a million show in two minutes that all works.
EVENTS ?= 50000000

.PHONY: bench
bench: build trino ## measure ingest, small log files, growth with EVENTS=50000000, and a lake (over an hour, 12 GB); writes bench/results.json
	go run ./bench -events $(EVENTS)

# How long the load lasts, after the store has been filled. LOAD has further
# flags of bench/load.
DURATION ?= 10m
LOAD ?=

.PHONY: load
load: toolchain ## dashboards of 50 viewers on a server that ingests 2,000 events/s, store of EVENTS=50000000, for DURATION=10m (the first time twenty minutes more, 8 GB)
	go build -o bin/load ./bench/load
	bin/load -events $(EVENTS) -duration $(DURATION) $(LOAD)

.PHONY: test-clients
test-clients: build ## Flight SQL with clients of others: Go, Python, JDBC (300 MB once; Python 3, Java 17, Maven)
	go test -count=1 -timeout 15m -tags '$(GOTAGS) clients' ./internal/flightsql/clients

.PHONY: test-inventory
test-inventory: build ## kmstrail inventory, and ingest by a queue, against moto, an emulator of AWS (100 MB once; Python 3)
	go test -count=1 -timeout 10m -tags '$(GOTAGS) moto' ./internal/awsinventory/moto

# The same sources give the same plugin: its date is that of the commit.
PACK_PLUGIN := go run ./grafana-plugin/pack -version '$(VERSION)' -time $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

.PHONY: plugin
plugin: plugin-frontend ## build the Grafana plugin for all its platforms: grafana-plugin/dist, and the archive in bin/ (Node.js)
	$(PACK_PLUGIN) -zip bin

# Without webpack's cache, which would leave files that are only copied, such as the
# dashboards, as they were.
.PHONY: plugin-frontend
plugin-frontend: grafana-plugin/node_modules/.package-lock.json
	cd grafana-plugin && npm run build

grafana-plugin/node_modules/.package-lock.json: grafana-plugin/package-lock.json | node
	cd grafana-plugin && npm ci
	touch $@

# The page on which the plugin is tested, and what serves it: bin/harness/harness.
.PHONY: harness
harness: grafana-plugin/node_modules/.package-lock.json
	node grafana-plugin/harness/page/build.mjs
	go build -o bin/harness/harness ./grafana-plugin/harness

# Leaves a plugin in grafana-plugin/dist that runs on this machine only.
.PHONY: test-plugin
test-plugin: build plugin-frontend harness ## test the Grafana plugin: code, what is shipped, and what people do with it (Node.js, Chromium)
	cd grafana-plugin && npm run typecheck && npx tsc -p harness/page && npx tsc -p harness/suite && npm run lint && npm run test:ci
	$(PACK_PLUGIN) -platforms host
	cd grafana-plugin && npx playwright test -c harness/suite

# A Grafana of yours with the plugin and a datasource with the sample data; the
# specs say what they take from the environment.
GRAFANA_URL ?= http://127.0.0.1:3000

.PHONY: e2e-grafana
e2e-grafana: grafana-plugin/node_modules/.package-lock.json ## test the plugin in the Grafana at GRAFANA_URL=http://127.0.0.1:3000 (Node.js, Chromium)
	cd grafana-plugin && GRAFANA_URL='$(GRAFANA_URL)' npx playwright test -c tests

.PHONY: update
update: toolchain ## rewrite golden files with what the tests get; read the diff
	packages=$$($(LIST_GOLDEN)); go test $$packages -update

.PHONY: generate
generate: toolchain ## write the generated pages of docs/, and the dashboards
	go test ./bench ./internal/docgen ./internal/duck ./internal/httpapi ./internal/metrics ./cmd/kmstrail -run '^TestPage(s|OfRoutes)?$$' -count=1 -update
	go run ./grafana-plugin/dashboards/write grafana-plugin/src/dashboards

.PHONY: test-dashboards
test-dashboards: toolchain ## every query of every dashboard, through the built plugin and a real server, against the truth of the sample data
	go test -count=1 ./grafana-plugin/dashboards/...

.PHONY: trino
trino: ## download Trino for the tests that need one (800 MB, once; kept in the user's cache)
	go run ./internal/trinoserver/run -fetch

# One Trino for all packages, so one after the other. UPDATE=-update rewrites
# docs/equivalence.md; UPDATE=-each runs every case by itself, which takes long.
.PHONY: test-trino
test-trino: toolchain ## the same SQL gives the same rows on DuckDB and Trino (minutes; Java 24 and Maven)
	root=$$(mktemp -d); trap 'rm -rf "$$root"' EXIT; \
	go run ./internal/trinoserver/run -memory 3072 -root "$$root" -- bash -euc " \
	  go test -count=1 -timeout 20m -tags '$(GOTAGS) trino' ./internal/equivalence -parallel 4 $(UPDATE); \
	  go test -p 1 -count=1 -tags '$(GOTAGS) trino' ./internal/sqllint ./internal/trino"

.PHONY: test-trinoserver
test-trinoserver: ## start real Trino servers, see them work and end
	go test -count=1 -tags '$(GOTAGS) trino' ./internal/trinoserver

.PHONY: lint
lint: bin/golangci-lint ## run the linters
	bin/golangci-lint run

.PHONY: tidy
tidy: ## gofmt, and put go.mod in order
	gofmt -w $$(git ls-files -co --exclude-standard '*.go')
	go mod tidy

.PHONY: clean
clean: ## remove what the other targets wrote (not Go's caches)
	rm -rf bin demo bench/data grafana-plugin/{dist,harness/shots,test-results}

bin/golangci-lint: internal/devtools/go.mod internal/devtools/go.sum
	cd internal/devtools && go build -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# Say at once what is missing, before a compiler says it badly.
.PHONY: toolchain
toolchain:
	@command -v go >/dev/null || { \
	  echo "kmstrail: Go is missing: install Go $$(sed -n 's/^go //p' go.mod) or newer, https://go.dev/dl/" >&2; exit 1; }
	@cc=$$(go env CC); command -v $${cc%% *} >/dev/null || { \
	  echo "kmstrail: the C compiler '$$cc' is missing: install gcc and g++ (Debian: build-essential, Fedora: gcc-c++, macOS: xcode-select --install)" >&2; exit 1; }
	@[ "$$(go env GOOS)" != linux ] || echo 'int main(void) { return 0; }' | $$(go env CC) -x c - -lstdc++ -o /dev/null 2>/dev/null || { \
	  echo "kmstrail: the C++ library is missing, which DuckDB needs: install g++ (Debian: build-essential, Fedora: gcc-c++)" >&2; exit 1; }

.PHONY: node
node:
	@command -v npm >/dev/null || { \
	  echo "kmstrail: Node.js is missing: install version 20 or newer with npm, https://nodejs.org/" >&2; exit 1; }
	@node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' || { \
	  echo "kmstrail: Node.js $$(node --version) is too old: install version 20 or newer, https://nodejs.org/" >&2; exit 1; }
