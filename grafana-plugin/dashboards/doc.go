// Package dashboards writes the dashboards that come with the plugin. They are
// code, so that they look alike, lead to each other and can be held to a test;
// Grafana gets the files of src/dashboards, which grafana-plugin/dashboards/write
// makes of it.
package dashboards
