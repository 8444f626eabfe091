// Package histories makes histories of KMS use for tests, as hostile as real
// logs can be: copies of one call that arrive days apart or never, changes of
// keys in the middle of what was read long ago, corrections before what they
// correct, records and files delivered twice, many events in one second and at
// the ends of hours and days.
//
// [New] makes what happened: the [Call]s, and the [Record]s that tell of them.
// [History.Deliver] makes one of the many ways in which they can arrive: log
// files, the steps in which they are read, restarts and maintenance between.
// [Count] says what has to come out, computed from the calls and not from the
// records. The same seed gives the same history.
package histories
