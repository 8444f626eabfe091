// Package ingest turns CloudTrail log objects into Arrow record batches.
//
// A [Source] lists and reads objects (S3, a directory, CloudTrail's event
// history), [Run] decides which are new, reads, decompresses and decodes them
// with a few workers, and a [Sink] stores the batches. The package knows no
// database: it declares the Sink it writes to.
//
// # The path of one object
//
//	list → ledger look-up → read → gunzip → walk the records → decode KMS
//	records (and the few others on the keep-list) → column builders → batch →
//	Sink.Add, Sink.Commit
//
// Every byte is looked at once to find record boundaries and the eventSource
// of each record; only KMS records are decoded further. Strings are slices of
// the decompressed file until a column builder has copied them.
//
// # What is promised
//
// A batch holds whole log files only, and the sink commits rows and ledger
// together, so an interrupted run loses nothing and doubles nothing. Every
// record ends in exactly one place: a row, a duplicate count, or the
// quarantine with file, position and reason. A record that is usable but odd
// (invalid UTF-8, a context key given twice, a member of an unexpected type)
// is stored and noted in the quarantine as well, so that nobody can hide a
// call behind an oddity.
//
// # What happens on a failure
//
//	object cannot be read     ledger: failed, with the error; tried again next run
//	object cannot be decoded  ledger: quarantined; not tried again unless it changes
//	record cannot be decoded  quarantine; the file's other records are stored
//	commit fails              the run stops with the error; nothing of the batch is stored
//	decoder panics            that object is quarantined with reason crashed
package ingest
