package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/internal/client"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/instance"
)

// healthTime is how long a server may take to say that it is well.
const healthTime = 10 * time.Second

// ofStore begins what a server without an address is called.
const ofStore = "the server of "

func healthCommand(a *app) *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a server whether it is well",
		Long: `Asks a server whether it answers, for health checks of containers: exit code 0
when it does, 1 when it does not. It asks --url, else the server of client.url,
else the one that has the store (--db) open. No token is needed.`,
		Example: `  kmstrail health
  kmstrail health --url http://127.0.0.1:8814`,
		Args: noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			return a.health(cmd.Context(), cfg, url)
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "ask the server at `URL`")
	return cmd
}

func (a *app) health(ctx context.Context, cfg config.Config, url string) error {
	if url == "" && isRemote(cfg) {
		url = cfg.Client.URL
	}
	transport := &http.Transport{DisableKeepAlives: true}
	where := url
	if url == "" {
		info, err := instance.Find(cfg.DB)
		if errors.Is(err, instance.ErrNone) {
			return adviceError{fmt.Errorf("ask after the server of %s: %w", cfg.DB, err), "kmstrail serve starts one; --url names another"}
		}
		if err != nil {
			return ofOthers(cfg.DB, err)
		}
		url, where = "http://localhost", ofStore+cfg.DB
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", info.HTTPSocket)
		}
	}
	var err error
	if transport.TLSClientConfig, err = client.Trust(cfg.Client.CAFile); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	if err := askHealth(ctx, &http.Client{Transport: transport}, where, strings.TrimSuffix(url, "/")+"/healthz"); err != nil {
		return err
	}
	a.say("%s is well", where)
	return nil
}

// askHealth asks for one address; where names the server.
func askHealth(ctx context.Context, c *http.Client, where, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s is not well: no answer within %s", where, healthTime)
	}
	if err != nil {
		if named, local := strings.CutPrefix(where, ofStore); local {
			return fmt.Errorf("no server answers for %s any more: it was killed, or has ended", named)
		}
		return client.Unreachable(where, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	const enough = 1 << 10
	text, _ := io.ReadAll(io.LimitReader(resp.Body, enough)) // the status says it too
	if told := client.WantsTLS(where, resp.StatusCode, text); told != nil {
		return told
	}
	return fmt.Errorf("%s is not well: %s: %s", where, resp.Status, strings.TrimSpace(string(text)))
}
