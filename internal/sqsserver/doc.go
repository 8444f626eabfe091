// Package sqsserver is a queue of Amazon SQS on loopback, for tests and
// measurements: the JSON protocol over HTTP with receive, delete and change of
// visibility, in batches. A message that was received is hidden until its
// visibility times out; then it comes again, with another receipt, and the old
// receipt deletes nothing. It checks no signature.
//
// It knows nothing of what messages say. Standard queues only.
package sqsserver
