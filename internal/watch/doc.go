// Package watch keeps a store up to date without anybody asking: it polls the
// source for new log files, runs what the schedule says, and stops both while
// the disk is nearly full.
//
// # Polls
//
// Three kinds of polls find what is new, each with what the narrower ones find
// as well. The current one lists the day of delivery that it is, in UTC, and the
// day before for two hours after midnight. The past one goes back for
// server.look_back, the one for all for 30 days, which is how late CloudTrail
// may deliver. After downtime the first poll goes back to the newest delivery in
// the ledger, however long ago that was. A directory is listed whole each time.
//
// Nothing depends on a mark that says how far reading has come: a file whose
// name sorts before one that was read already is as new as any other. What makes
// polls complete is the ledger, and listing again what was listed before.
//
// A place that cannot be listed is left out for a while, longer and longer up to
// an hour, and the day since which it could not is kept. Once it can be listed,
// one poll goes back to that day.
//
// # Queue
//
// Where a queue tells of new log files it is read all the time, and polls find
// what it did not tell of. It is not read while nothing may be written; its
// messages wait. When it cannot be read it is tried again, at least once a minute.
//
// # Tasks
//
// Detectors, maintenance, reports and backups run at the ticks of cron
// expressions, in UTC. A task never overlaps with itself: ticks that pass while
// it runs, or while the disk is full, are skipped and counted. One that was
// missed while no server ran is made up for once. A task that fails, or panics,
// runs again at its next tick.
//
// What must outlive the server, such as when a task last succeeded, which places
// fail and how many requests S3 has answered on which day, lies in a file beside
// the store.
package watch
