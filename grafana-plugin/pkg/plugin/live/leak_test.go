package live

import (
	"context"
	"encoding/json"
	"runtime"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/plugin"
)

// TestLeaks: a datasource that was disposed of leaves neither goroutines nor
// connections behind, whatever became of its queries.
func TestLeaks(t *testing.T) {
	store := newStore(t)
	token := store.token(t, "leaks")
	r := store.serve(t)
	p := newProxy(t, r.url)
	before := runtime.NumGoroutine()
	for _, what := range []fault{none, cut, stall, drop} {
		made, err := plugin.New(t.Context(), backend.DataSourceInstanceSettings{
			URL: p.url("grpc"), DecryptedSecureJSONData: map[string]string{"token": token}, JSONData: json.RawMessage(`{"timeoutSeconds":2,"maxRows":1000000}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		d := made.(*plugin.Datasource)
		ask := func(ctx context.Context, q object) {
			_, err := d.QueryData(ctx, &backend.QueryDataRequest{Queries: []backend.DataQuery{panelQuery(t, "A", q), panelQuery(t, "B", q)}})
			if err != nil {
				t.Error(err)
			}
		}
		ask(t.Context(), manyRows(10))
		p.set(what, 1<<20)
		ask(t.Context(), manyRows(500_000))
		p.set(none, 0)
		ask(t.Context(), sqlQuery("SELEC"))
		cancelled, cancel := context.WithCancel(t.Context())
		go func() {
			r.until(t, 2)
			cancel()
		}()
		ask(cancelled, longQuery)
		cancel()
		d.Dispose()
	}
	for deadline := time.Now().Add(patience); p.open() > 0 || runtime.NumGoroutine() > before; <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d connections, %d goroutines, %d before:\n%s", p.open(), runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
	r.idle(t)
}
