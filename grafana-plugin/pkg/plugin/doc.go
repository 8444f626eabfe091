// Package plugin is the backend of the Grafana datasource: it turns what panels,
// alert rules, annotations, variables and Explore ask into SQL, has a
// kmstrail server answer it over Flight SQL, and returns data frames.
//
// Everything it knows comes with the request (the settings of the datasource,
// the query) or from that server. It reads no files and no environment.
package plugin
