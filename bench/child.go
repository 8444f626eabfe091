package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/sampledata"
)

// child makes one measurement and prints what it counted.
func child(ctx context.Context, c *config) error {
	runtime.GOMAXPROCS(c.procs)
	ingest.SaveMemory() // as kmstrail does
	if c.profile != "" {
		f, err := os.Create(c.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var n any
	var err error
	switch c.child {
	case "decompress":
		n, err = decompress(ctx, c.set, c.procs)
	case "read_json":
		n, err = readJSON(ctx, c.set, c.procs)
	case "ingest":
		n, err = ingestDirectory(ctx, c.set)
	case "ingest-s3":
		n, err = ingestS3(ctx, c.set)
	case generateChild + "small", generateChild + string(sampledata.BenchKMS100), generateChild + string(sampledata.BenchKMS10), generateChild + string(sampledata.BenchKMS0):
		n, err = generateSet(ctx, c, strings.TrimPrefix(c.child, generateChild))
	default:
		n, err = growthChild(ctx, c)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(n)
}

func logFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".json.gz") {
			files = append(files, path)
		}
		return err
	})
	return files, err
}

// decompress is the floor: read each file and decompress it, nothing else.
func decompress(ctx context.Context, dir string, procs int) (counts, error) {
	files, err := logFiles(dir)
	if err != nil {
		return counts{}, err
	}
	var mu sync.Mutex
	var total counts
	next := make(chan string, len(files))
	for _, f := range files {
		next <- f
	}
	close(next)
	g, _ := errgroup.WithContext(ctx)
	for range procs {
		g.Go(func() error {
			buf := make([]byte, 1<<20)
			for path := range next {
				n, err := decompressFile(path, buf)
				if err != nil {
					return err
				}
				mu.Lock()
				total.JSONBytes += n
				mu.Unlock()
			}
			return nil
		})
	}
	return total, g.Wait()
}

func decompressFile(path string, buf []byte) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return 0, err
	}
	return io.CopyBuffer(struct{ io.Writer }{io.Discard}, z, buf)
}

// newStore opens an empty store beside the set, as the ingest command does.
func newStore(ctx context.Context, dir, name string) (*duck.Store, string, error) {
	path := dir + "." + name + ".duckdb"
	if err := removeStore(path); err != nil {
		return nil, "", err
	}
	s, err := openToWrite(ctx, path)
	return s, path, err
}

func removeStore(path string) error {
	for _, suffix := range []string{"", ".wal", ".lock", ".tmp"} {
		if err := os.RemoveAll(path + suffix); err != nil {
			return err
		}
	}
	return nil
}

// ingestSource ingests into an empty store beside the set.
func ingestSource(ctx context.Context, src ingest.Source, dir string) (counts, error) {
	store, path, err := newStore(ctx, dir, "ingest")
	if err != nil {
		return counts{}, err
	}
	defer store.Close()
	sum, err := ingest.Run(ctx, ingest.Options{Source: src, Sink: store})
	if err != nil {
		return counts{}, err
	}
	n := counts{JSONBytes: sum.JSONBytes, Events: sum.Inserted, Files: sum.ObjectsDone, Requests: sum.Requests}
	if n.StoreBytes, err = closed(store, path); err != nil {
		return counts{}, err
	}
	return n, nil
}

// closed closes the store, which checkpoints it, and returns its size. Nobody
// has the file open by then, so looking at its size harms no lock.
func closed(store *duck.Store, path string) (int64, error) {
	if err := store.Close(); err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
