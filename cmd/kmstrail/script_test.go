package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

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
			"serve": scriptServe, "same": scriptSame, "setenv": scriptSetenv,
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
