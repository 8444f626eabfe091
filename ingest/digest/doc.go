// Package digest verifies log files by the digests that CloudTrail writes when log
// file validation is on.
//
// Every hour, for each trail, account and Region, CloudTrail writes a digest: the
// log files it delivered in that time with their SHA-256, or none, and the hash and
// signature of the digest before it. The signature of a digest is in the metadata of
// its object. See
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
//
// [Run] reads the digests of days of delivery, checks each signature, follows the
// chain, compares every log file that they list with its hash, and looks for log
// files that none lists. What it says of an account, Region and day rests on time
// that is covered, not on links alone: two digests in a row that are gone leave a
// hole like one that is, and so do those at the end, which no later one names.
//
// Digests with _backfill in their name list log files that came too late for those
// of the hour. They have a chain of their own, and cover no time.
package digest
