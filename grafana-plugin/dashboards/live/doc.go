// Package live has tests that ask what the dashboards ask: of the built plugin over
// gRPC, as Grafana does, and that of a real server with the whole sample data.
package live
