package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// defaultImage is that of deploy/compose.yaml.
const defaultImage = "grafana/grafana:13.2.3"

// ready is how long Grafana may take to start; a container may have to be fetched.
const ready = 5 * time.Minute

// local is a Grafana of this machine.
func local(home, program string) way {
	return way{name: "Grafana", serves: true, show: func(ctx context.Context, d *demo) (page, error) {
		plugins := filepath.Join(d.tmp, "plugins")
		if err := os.CopyFS(filepath.Join(plugins, pluginID), os.DirFS(d.dist)); err != nil {
			return page{}, fmt.Errorf("copy the plugin: %w", err)
		}
		config := filepath.Join(d.tmp, "grafana.ini")
		if err := put(config, nil); err != nil {
			return page{}, err
		}
		prov := filepath.Join(d.tmp, "provisioning")
		// Close ends it, and lets it finish: no context.
		cmd := exec.Command(program, "server", "--homepath", home, "--config", config) //nolint:gosec,noctx // starting it is the point
		password := rand.Text()
		cmd.Env = append(
			[]string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.tmp, "TMPDIR=" + d.tmp},
			settings(d.port, password, filepath.Join(d.tmp, "grafana"), plugins, prov)...)
		return d.grafana(ctx, cmd, prov, prov, password)
	}}
}

// container is a Grafana in Docker, on the network of this machine so that it
// reaches loopback.
func container(image string) way {
	return way{name: "Grafana", serves: true, show: func(ctx context.Context, d *demo) (page, error) {
		dist, err := filepath.Abs(d.dist)
		if err != nil {
			return page{}, err
		}
		const seen = "/etc/grafana/provisioning"
		prov, password := filepath.Join(d.tmp, "provisioning"), rand.Text()
		args := []string{
			"run", "--rm", "--name", "kmstrail-demo-" + strconv.Itoa(os.Getpid()), "--network", "host",
			// The files are for their owner alone.
			"--user", strconv.Itoa(os.Getuid()) + ":" + strconv.Itoa(os.Getgid()),
			"--volume", prov + ":" + seen + ":ro", "--volume", dist + ":/plugins/" + pluginID + ":ro",
		}
		for _, s := range settings(d.port, password, "/tmp/grafana", "/plugins", seen) {
			args = append(args, "--env", s)
		}
		return d.grafana(ctx, exec.Command("docker", append(args, image)...), prov, seen, password) //nolint:gosec,noctx // starting it is the point, and close ends it
	}}
}

// settings are Grafana's, in its environment: on loopback, without a login, asking
// nobody for anything.
func settings(port int, password, data, plugins, provisioning string) []string {
	return []string{
		"GF_SERVER_HTTP_ADDR=127.0.0.1", "GF_SERVER_HTTP_PORT=" + strconv.Itoa(port), "GF_SERVER_DOMAIN=127.0.0.1",
		"GF_PATHS_DATA=" + data, "GF_PATHS_LOGS=" + data + "/log", "GF_PATHS_PLUGINS=" + plugins, "GF_PATHS_PROVISIONING=" + provisioning,
		"GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH=" + provisioning + "/json/overview.json",
		"GF_SECURITY_ADMIN_PASSWORD=" + password, "GF_AUTH_ANONYMOUS_ENABLED=true", "GF_AUTH_ANONYMOUS_ORG_ROLE=Editor",
		"GF_PLUGINS_ALLOW_LOADING_UNSIGNED_PLUGINS=" + pluginID,
		"GF_PLUGINS_PLUGIN_ADMIN_ENABLED=false", "GF_PLUGINS_PREINSTALL_DISABLED=true", "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED=true",
		"GF_ANALYTICS_REPORTING_ENABLED=false", "GF_ANALYTICS_CHECK_FOR_UPDATES=false", "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES=false",
		"GF_ANALYTICS_FEEDBACK_LINKS_ENABLED=false", "GF_NEWS_NEWS_FEED_ENABLED=false",
		"GF_SECURITY_DISABLE_GRAVATAR=true", "GF_SNAPSHOTS_EXTERNAL_ENABLED=false",
	}
}

// grafana writes what Grafana shall provision, starts it and waits until it has.
func (d *demo) grafana(ctx context.Context, cmd *exec.Cmd, prov, seen, password string) (page, error) {
	p, err := d.provision(time.Now())
	if err != nil {
		return page{}, err
	}
	if err := p.write(prov, seen); err != nil {
		return page{}, err
	}
	log, err := os.Create(filepath.Join(d.tmp, "grafana.log"))
	if err != nil {
		return page{}, err
	}
	child, err := start(cmd, log)
	if err != nil {
		return page{}, errors.Join(err, log.Close())
	}
	stop := func() error { return errors.Join(child.stop(), log.Close()) }
	url := "http://127.0.0.1:" + strconv.Itoa(d.port)
	d.say("starting Grafana")
	if err := d.answers(ctx, api{url: url, user: "admin", password: password}, child); err != nil {
		err = errors.Join(err, stop())
		if ctx.Err() == nil {
			err = errors.Join(err, tail(log.Name()))
		}
		return page{}, err
	}
	return page{
		url: url + "/d/kmstrail-overview", login: " (no login; admin has the password " + password + ")",
		process: child, close: stop,
	}, nil
}

// answers waits for what was provisioned.
func (d *demo) answers(ctx context.Context, grafana api, child *process) error {
	ctx, cancel := context.WithTimeout(ctx, ready)
	defer cancel()
	for {
		err := grafana.do(ctx, "GET", "/api/dashboards/uid/kmstrail-coverage", nil, nil)
		if err == nil {
			return d.healthy(ctx, grafana, "kmstrail")
		}
		select {
		case <-child.ended:
			return fmt.Errorf("start Grafana: %w", child.err)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// healthy has Grafana ask kmstrail.
func (d *demo) healthy(ctx context.Context, grafana api, uid string) error {
	var health struct{ Message string }
	if err := grafana.do(ctx, "GET", "/api/datasources/uid/"+uid+"/health", nil, &health); err != nil {
		return err
	}
	d.say("the data source says: %s", strings.TrimSpace(health.Message))
	return nil
}
