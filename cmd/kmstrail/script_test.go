package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/digest/digesttest"
	"github.com/kmstrail/kmstrail/ingest/dirsource"
	"github.com/kmstrail/kmstrail/internal/cttest"
	"github.com/kmstrail/kmstrail/internal/duck"
	"github.com/kmstrail/kmstrail/internal/golden"
	"github.com/kmstrail/kmstrail/internal/s3server"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kmstrail": main})
}

// TestScript runs sessions as a user would have them. Commands beside
// kmstrail:
//
//	logfile FILE LINES [DELIVERED]  writes a log file with the events of LINES
//	                       (see package cttest); FILE is a name, or ACCOUNT/REGION
//	                       below a bucket's folders when DELIVERED is given
//	digests DIR ACCOUNT/REGION FROM TO  writes an hourly digest of the log files in DIR
//	                       that were delivered from FROM to TO, and keys.json
//	s3 DIR [requester-pays|wrong-region|deny]  serves DIR as s3://sample and sets
//	                       $S3 and AWS_*
//	hold DB                keeps a store open until the script ends
//	mask FILE              replaces what differs from run to run
//	serve [PATH=VALUE...]  starts a server of kmstrail.duckdb, of this configuration,
//	                       and sets $URL; stop ends it
//	same FILE [PATH=VALUE...]  runs the commands in FILE without a server and with
//	                       one; what they print must be the same
//	setenv NAME FILE       sets a variable to the text of a file
func TestScript(t *testing.T) {
	sample, err := filepath.Abs("../../sampledata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       golden.Updating(),
		RequireUniqueNames:  true,
		RequireExplicitExec: false,
		Setup: func(e *testscript.Env) error {
			e.Setenv("SAMPLE", sample)
			e.Setenv("ALPHA", cttest.KeyARN("main", "us-east-1", "alpha"))
			e.Setenv("FIRST", cttest.EventID("first"))
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			e.Setenv("AWS_CONFIG_FILE", filepath.Join(e.WorkDir, "no-aws-config"))
			e.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(e.WorkDir, "no-aws-credentials"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"logfile": scriptLogFile, "s3": scriptS3, "hold": scriptHold, "mask": scriptMask,
			"digests": scriptDigests, "serve": scriptServe, "same": scriptSame, "setenv": scriptSetenv,
		},
	})
}

func scriptLogFile(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: logfile FILE LINES [DELIVERED]")
	}
	records, err := cttest.ParseLines(ts.ReadFile(args[1]))
	ts.Check(err)
	name := args[0]
	if len(args) == 3 {
		delivered, err := time.Parse(time.RFC3339, args[2])
		ts.Check(err)
		dir, rest, _ := strings.Cut(name, "/")
		account, region, _ := strings.Cut(rest, "/")
		name = filepath.Join(dir, cttest.Key("", "o-exampleorgid", account, region, delivered, ""))
	}
	name = ts.MkAbs(name)
	ts.Check(os.MkdirAll(filepath.Dir(name), 0o755))
	ts.Check(os.WriteFile(name, cttest.LogFile(records...), 0o600))
}

func scriptDigests(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: digests DIR ACCOUNT/REGION FROM TO")
	}
	dir := ts.MkAbs(args[0])
	account, region, _ := strings.Cut(args[1], "/")
	from, err := time.Parse(time.RFC3339, args[2])
	ts.Check(err)
	to, err := time.Parse(time.RFC3339, args[3])
	ts.Check(err)
	hours := map[time.Time][]digesttest.Object{}
	ts.Check(filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		key, _ := filepath.Rel(dir, path)
		if loc, kind := ingest.ParseKey(filepath.ToSlash(key)); kind == ingest.KindLog && loc.AccountID == account && loc.Region == region {
			hour := loc.DeliveredAt.Truncate(time.Hour)
			hours[hour] = append(hours[hour], digesttest.Object{Key: filepath.ToSlash(key), Body: []byte(ts.ReadFile(path))})
		}
		return nil
	}))
	chain := digesttest.Chain{Bucket: "sample", Account: account, Region: region}
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		d := chain.Digest(at, at.Add(time.Hour), hours[at]...)
		name := filepath.Join(dir, filepath.FromSlash(d.Key))
		metadata, err := json.Marshal(map[string]any{"Metadata": d.Metadata})
		ts.Check(err)
		ts.Check(os.MkdirAll(filepath.Dir(name), 0o755))
		ts.Check(os.WriteFile(name, d.Body, 0o600))
		ts.Check(os.WriteFile(name+dirsource.MetadataSuffix, metadata, 0o600))
	}
	ts.Check(os.WriteFile(ts.MkAbs("keys.json"), digesttest.KeysJSON(), 0o600))
}

func scriptS3(ts *testscript.TestScript, _ bool, args []string) {
	cfg := s3server.Config{Dir: ts.MkAbs(args[0]), Bucket: "sample"}
	for _, fault := range args[1:] {
		switch fault {
		case "requester-pays":
			cfg.Faults.RequesterPays = true
		case "deny":
			cfg.Faults.Deny = func(_, key, _ string) (string, string) {
				if key == "" {
					return "", ""
				}
				return "AccessDenied", "User is not authorized to perform: kms:Decrypt"
			}
		default:
			ts.Fatalf("unknown fault %s", fault)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	server, err := s3server.Start(ctx, cfg)
	ts.Check(err)
	ts.Defer(func() {
		cancel()
		_ = server.Close()
	})
	ts.Setenv("S3", "s3://"+server.Bucket())
	for _, e := range server.Env() {
		name, value, _ := strings.Cut(e, "=")
		ts.Setenv(name, value)
	}
}

func scriptHold(ts *testscript.TestScript, _ bool, args []string) {
	store, err := duck.Open(context.Background(), ts.MkAbs(args[0]), duck.Options{})
	ts.Check(err)
	ts.Defer(func() { _ = store.Close() })
}

// scriptMask replaces directories, times and sizes in a file.
func scriptMask(ts *testscript.TestScript, _ bool, args []string) {
	text := []byte(ts.ReadFile(args[0]))
	for _, m := range masks {
		text = m.pattern.ReplaceAll(text, []byte(m.with))
	}
	text = bytes.ReplaceAll(text, []byte(ts.Getenv("WORK")), []byte("$WORK"))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}
