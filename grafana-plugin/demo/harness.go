package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// harness is the page that shows the dashboards without Grafana.
func harness(ctx context.Context, d *demo) (page, error) {
	log, err := os.Create(filepath.Join(d.tmp, "harness.log"))
	if err != nil {
		return page{}, err
	}
	cmd := exec.Command(d.harness, "-server", d.server.Address, "-dist", d.dist, "-address", "127.0.0.1:"+strconv.Itoa(d.port)) //nolint:gosec,noctx // starting it is the point, and close ends it
	cmd.Env = append(os.Environ(), "KMSTRAIL_TOKEN="+d.server.Token)
	stdout, out, err := os.Pipe()
	if err != nil {
		return page{}, errors.Join(err, log.Close())
	}
	// It ends when its input does.
	in, input, err := os.Pipe()
	if err != nil {
		return page{}, errors.Join(err, stdout.Close(), out.Close(), log.Close())
	}
	cmd.Stdin, cmd.Stdout = in, out
	child, err := start(cmd, log)
	err = errors.Join(err, in.Close(), out.Close())
	if err != nil {
		return page{}, errors.Join(err, stdout.Close(), input.Close(), log.Close())
	}
	stop := func() error { return errors.Join(child.stop(), stdout.Close(), input.Close(), log.Close()) }
	var told struct{ URL string }
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &told)
	}
	if err != nil {
		return page{}, errors.Join(fmt.Errorf("start the harness: %w", err), stop(), tail(log.Name()))
	}
	return page{url: told.URL, process: child, close: stop}, nil
}
