package trinoserver

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// metastore is the directory below Root that knows schemas and tables. Engines
// skip names that begin so.
const metastore = "_metastore"

// properties are a configuration file of the server.
type properties map[string]string

func (p properties) write(file string) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&b, "%s=%s\n", name, escape(p[name]))
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// escape writes a value as Java reads it: Latin-1, with a backslash for more.
func escape(value string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(value)) {
		switch {
		case unit == '\\':
			b.WriteString(`\\`)
		case unit < ' ' || unit > '~':
			fmt.Fprintf(&b, `\u%04x`, unit)
		default:
			b.WriteByte(byte(unit))
		}
	}
	return b.String()
}

// node is one process of a server.
type node struct {
	name        string
	dir         string
	port        int
	coordinator bool
}

// writeConfig writes what a node reads into its directory.
func writeConfig(n node, install *Install, opts Options, coordinatorPort int) error {
	catalogs := filepath.Join(n.dir, "catalog")
	if err := os.MkdirAll(catalogs, 0o755); err != nil {
		return err
	}
	files := map[string]properties{
		filepath.Join(n.dir, "config.properties"):    serverProperties(n, install, opts, coordinatorPort),
		filepath.Join(catalogs, "lake.properties"):   lakeProperties(opts),
		filepath.Join(catalogs, "memory.properties"): {"connector.name": "memory"},
	}
	for name, p := range files {
		if err := p.write(name); err != nil {
			return err
		}
	}
	return nil
}

func serverProperties(n node, install *Install, opts Options, coordinatorPort int) properties {
	perNode := opts.MemoryMB / 2 // of the rest Trino wants 30 % of the heap for itself
	p := properties{
		"node.environment":          "kmstrail",
		"node.id":                   n.name,
		"node.bind-ip":              loopback,
		"node.internal-address":     loopback,
		"http-server.http.port":     strconv.Itoa(n.port),
		"discovery.uri":             baseURL(coordinatorPort),
		"coordinator":               strconv.FormatBool(n.coordinator),
		"catalog.management":        "static",
		"catalog.config-dir":        filepath.Join(n.dir, "catalog"),
		"plugin.dir":                filepath.Join(install.Dir, "plugin"),
		"query.max-memory-per-node": megabytes(perNode),
		"query.max-memory":          megabytes(perNode * max(1, opts.Workers)),
	}
	if n.coordinator {
		p["node-scheduler.include-coordinator"] = strconv.FormatBool(opts.Workers == 0)
		// The plans of ended queries fill the memory: a hundred large ones two
		// gigabytes, and the server does nothing but collect garbage.
		p["query.max-history"], p["query.min-expire-age"] = "20", "30s"
	}
	return p
}

// lakeProperties are those of the catalog for Parquet files below Root. Trino
// lists files anew for each query unless told to cache, and reads timestamps to
// the millisecond, as Athena does; both are left so. A projected partition
// without files is an error for Trino unless told otherwise, for Athena it is
// just empty.
func lakeProperties(opts Options) properties {
	return properties{
		"connector.name":                    "hive",
		"hive.metastore":                    "file",
		"hive.metastore.catalog.dir":        scheme + metastore,
		"hive.security":                     "allow-all",
		"hive.partition-projection-enabled": "true",
		"hive.ignore-absent-partitions":     "true",
		"fs.native-local.enabled":           "true",
		"local.location":                    opts.Root,
	}
}

func megabytes(n int) string { return strconv.Itoa(n) + "MB" }

// javaArguments start a node. A server for tests lives shortly and plans many
// small queries: compiling only once and simply halves what that takes.
func javaArguments(n node, install *Install, opts Options) []string {
	args := []string{
		"-Xmx" + strconv.Itoa(opts.MemoryMB) + "m",
		"-XX:+ExitOnOutOfMemoryError",
		"-Duser.timezone=UTC",
		"--enable-native-access=ALL-UNNAMED",    // libraries of its own; spares the log a warning
		"--sun-misc-unsafe-memory-access=allow", // the same
		"-Dconfig=" + filepath.Join(n.dir, "config.properties"),
	}
	if opts.LargeQueries {
		args = append(args, "-XX:+UseG1GC")
	} else {
		args = append(args, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
	}
	return append(args, "-cp", filepath.Join(install.Dir, "lib", "*"), "io.trino.server.TrinoServer")
}
