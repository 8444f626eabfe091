// Package queuesource reads what an Amazon SQS queue tells of: log files that
// were just written to buckets, and CloudTrail records that EventBridge puts into
// the queue as they are. Log files are readable within seconds so, without a
// listing.
//
//	S3 event notification ─┬───────────────────────────┐
//	                       └─ SNS, raw or enveloped ───┤
//	CloudTrail's own SNS notice ───────────────────────┼─ queue ─ turn ─ store ─ delete
//	EventBridge: Object Created ───────────────────────┤
//	EventBridge: AWS API Call via CloudTrail ──────────┘
//
// Several receivers take messages. What arrives within Options.Linger, or while
// the last turn is stored, is one turn: its objects are handed over as one
// ingest.Source for each bucket, its records as one of their own, and whoever
// stores them commits. Only then are the messages deleted. While a turn waits or
// is stored a heartbeat keeps its messages hidden from other receivers.
//
// # What becomes of a message
//
//	all its objects are stored, or were    deleted
//	it names nothing that is read          deleted; counted as skipped
//	it cannot be decoded                   quarantine (bad_message), deleted
//	an object of it is gone                told, deleted
//	an object cannot be read               left: it comes again, and goes to the
//	                                       dead-letter queue in the end
//	it names a bucket that is not allowed  left, likewise
//	the store fails                        left, all of the turn
//	kmstrail is killed                     comes again when its visibility times out
//
// A message may come twice, out of order, or for an object that a listing has
// found as well. The ingester's ledger and its look at event ids see to that each
// event is stored once; nothing here does.
//
// Whoever may send to the queue can have objects of the allowed buckets read, and
// can put records into the store. Its policy should let nobody but the services
// above send.
package queuesource
