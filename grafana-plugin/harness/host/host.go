// Package host starts a datasource plugin's program and speaks to it as Grafana
// does: over gRPC, by the protocol of github.com/hashicorp/go-plugin.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/kmstrail/kmstrail/grafana-plugin/harness/child"
)

// Options say what to start.
type Options struct {
	// Program is the path of the plugin's program.
	Program string
	// Env is all of its environment, but for what the protocol needs.
	Env []string
	// Log gets what the plugin logs, as text; nil for nowhere.
	Log io.Writer
}

// Plugin is a program that runs. Its methods may be called at the same time.
type Plugin struct {
	client    *plugin.Client
	data      grpcplugin.DataClient
	health    grpcplugin.DiagnosticsClient
	resources grpcplugin.ResourceClient
}

// Start starts the program and waits for its handshake, a minute at most. The
// program runs until Close, or until it ends by itself; on Linux also no longer
// than this process.
func Start(o Options) (*Plugin, error) {
	log := o.Log
	if log == nil {
		log = io.Discard
	}
	cmd := exec.Command(o.Program) //nolint:gosec,noctx // starting it is the point, and Close ends it
	// Never nil, which would mean ours.
	cmd.Env = append([]string{}, o.Env...)
	cmd.SysProcAttr = child.Attributes()
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  grpcplugin.ProtocolVersion,
			MagicCookieKey:   grpcplugin.MagicCookieKey,
			MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{grpcplugin.ProtocolVersion: {
			"data":        &grpcplugin.DataGRPCPlugin{},
			"diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{},
			"resource":    &grpcplugin.ResourceGRPCPlugin{},
		}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Cmd:              cmd,
		SkipHostEnv:      true,
		Logger:           hclog.New(&hclog.LoggerOptions{Name: "plugin", Level: hclog.Info, Output: log}),
	})
	p := &Plugin{client: client}
	if err := p.dispense(); err != nil {
		client.Kill()
		return nil, fmt.Errorf("start plugin %s: %w", o.Program, err)
	}
	return p, nil
}

// dispense takes what Grafana takes of a datasource.
func (p *Plugin) dispense() error {
	protocol, err := p.client.Client()
	if err != nil {
		return err
	}
	var errs []error
	p.data = service[grpcplugin.DataClient](protocol, "data", &errs)
	p.health = service[grpcplugin.DiagnosticsClient](protocol, "diagnostics", &errs)
	p.resources = service[grpcplugin.ResourceClient](protocol, "resource", &errs)
	return errors.Join(errs...)
}

func service[T any](protocol plugin.ClientProtocol, name string, errs *[]error) T {
	var none T
	raw, err := protocol.Dispense(name)
	if err != nil {
		*errs = append(*errs, fmt.Errorf("service %s: %w", name, err))
		return none
	}
	s, ok := raw.(T)
	if !ok {
		*errs = append(*errs, fmt.Errorf("service %s is a %T", name, raw))
	}
	return s
}

// Close ends the program: it is asked to, and killed when it does not in two
// seconds.
func (p *Plugin) Close() { p.client.Kill() }

// Exited tells whether the program has ended.
func (p *Plugin) Exited() bool { return p.client.Exited() }

// QueryData asks for frames. An error is one of the call; those of single
// queries are in the response.
func (p *Plugin) QueryData(ctx context.Context, req *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	answer, err := p.data.QueryData(ctx, backend.ToProto().QueryDataRequest(req))
	if err != nil {
		return nil, fmt.Errorf("query data: %w", err)
	}
	return backend.FromProto().QueryDataResponse(answer)
}

// CheckHealth is what "Save & test" calls.
func (p *Plugin) CheckHealth(ctx context.Context, req *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	answer, err := p.health.CheckHealth(ctx, &pluginv2.CheckHealthRequest{
		PluginContext: backend.ToProto().PluginContext(req.PluginContext), Headers: req.Headers,
	})
	if err != nil {
		return nil, fmt.Errorf("check health: %w", err)
	}
	return backend.FromProto().CheckHealthResponse(answer), nil
}

// CallResource calls a resource; its answer can come in parts.
func (p *Plugin) CallResource(ctx context.Context, req *backend.CallResourceRequest, sender backend.CallResourceResponseSender) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := p.resources.CallResource(ctx, backend.ToProto().CallResourceRequest(req))
	if err != nil {
		return fmt.Errorf("call resource %s: %w", req.Path, err)
	}
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("call resource %s: %w", req.Path, err)
		}
		if err := sender.Send(backend.FromProto().CallResourceResponse(part)); err != nil {
			return err
		}
	}
}
