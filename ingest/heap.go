package ingest

import "runtime/debug"

// The garbage collector begins when the heap has grown by heapGrowth percent,
// which Go has as usualGrowth.
const heapGrowth, usualGrowth = 40, 100

// SaveMemory has this process collect garbage sooner than Go does by itself. What
// an ingest keeps is some two hundred MB of buffers without pointers, which are
// quickly looked through, and as much again as garbage would stand beside DuckDB's
// memory. A GOGC of the environment stays.
func SaveMemory() {
	if was := debug.SetGCPercent(heapGrowth); was != usualGrowth {
		debug.SetGCPercent(was)
	}
}
