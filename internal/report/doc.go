// Package report answers, for people, what a store of KMS calls holds: what
// was looked at and how complete it was, what the detectors found, why it
// matters, what to do, and who uses which key.
//
// [Build] reads the store through a small query interface and returns a
// [Report], a plain value. The report writes itself as a terminal summary, as
// one HTML file, as Markdown or as JSON. Nothing in a report is unbounded: the
// lists are cut to the limits in limits.go and every list says what it left
// out.
//
// Text from logs is hostile. The model keeps it as it is, so that the JSON
// report is exact; the three formats for people replace control and direction
// characters, cut long values and escape for their format.
package report
