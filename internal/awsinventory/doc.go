// Package awsinventory asks AWS what KMS keys are: the keys of accounts and
// Regions with their metadata, aliases, tags, policies, rotations, grants and last
// use, tags of the resources they encrypt and of the roles that use them, quotas,
// and the accounts of the organisation.
//
// # What it may do
//
// It only reads. [APIs] lists every call there is, with the IAM action it needs;
// [Policy] makes the least policy of them, and a test holds both to what goes over
// the wire. No call returns key material or data.
//
// # How fast
//
// Every API has a token bucket of its own for each account and Region, far below
// its quota: what applications do with keys comes first. A call that is throttled
// all the same halves the rate of its bucket, which recovers slowly.
//
// # What goes wrong
//
// An answer of AWS that is an error (denied, throttled to the end, a Region that
// is not enabled) is recorded and said, and the rest goes on. What is no answer (no
// network, credentials that have expired) ends the run. What was stored until then
// stays, and the next run of the same scope goes on from there: see [ReadState].
//
// Goroutines: one for each account and Region, a few for its keys; Run waits for
// all of them. What they learn is stored by one at a time.
package awsinventory
