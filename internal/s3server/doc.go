// Package s3server serves a directory tree as one bucket through the S3 API on
// loopback, for the demo and for tests.
//
// Requests are routed and answered by gofakes3 (see
// docs/decisions/0003-loopback-s3-server.md); the bucket itself, authentication,
// conditional requests and faults on demand are here. The bucket is read-only
// unless Config.Writable is set. A file NAME.metadata.json beside an object, as "aws
// s3api head-object" prints it, holds its user metadata. Only its keys are in memory; objects are read
// from disk when asked for.
package s3server
