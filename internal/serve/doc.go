// Package serve is kmstrail serve: one process that owns a store, ingests
// without pause, runs detectors on schedule and answers questions. It opens the
// store, starts the parts, and drains them in the end; what they do is theirs.
package serve
