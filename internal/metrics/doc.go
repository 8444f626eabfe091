// Package metrics holds what kmstrail serve tells Prometheus: one place for all
// names, and a method for each thing that happens. Values of labels come from
// fixed lists; what is not on its list counts as "other", so that neither a
// client nor a log can make series.
package metrics
