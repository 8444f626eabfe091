// Package live tests the plugin as people run it: its built program, over the
// protocol by which Grafana starts plugins, against the built kmstrail with
// sample data.
package live
