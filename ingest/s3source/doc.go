// Package s3source lists and reads CloudTrail log files in an S3 bucket. It
// implements ingest.Source.
//
// # What is listed
//
// A bucket may hold millions of log files, so it is never listed as a whole.
// The layout is found first, by listing folders only: accounts below AWSLogs
// (also of an organisation, with any prefix, several AWSLogs in one bucket), then
// the Regions of each account. The given prefix may end anywhere: at the root,
// before or at AWSLogs, at an organisation, account, Region or day.
//
// Then the log files are listed by account, Region and delivery date, the
// earliest date first and all accounts of a date together: whole months as one
// prefix, the days at both ends of the selection singly. Dates are delivery
// dates. From counts as its whole day, since a file is never older than its
// events; To gets ingest.DeliverySlackDays more, since CloudTrail delivers within
// minutes as a rule. Files that come later, up to 30 days, are found by listing
// with an earlier From and no To, which is what a reconcile does.
//
// A bucket without this layout is listed flat.
//
// What cannot be listed in one place, because that is denied or throttled, does
// not stop the others: see ingest.PartialListError.
//
// # What it costs
//
// A listing makes one request for each page of a thousand keys, at least one for
// each prefix, and before that one for each account and a few more to find them.
// Who lists again and again, a day of delivery at a time, saves the latter with
// RememberLayout: one request for each Region and page is left.
//
// Requests are counted at each attempt, as AWS bills them; see Cost. Failed
// requests are tried again up to Config.MaxAttempts times, also when a body
// breaks off. Nothing is written to AWS.
package s3source
