// Package historysource reads CloudTrail's event history: the management events
// of the last 90 days that every account has without a trail, by the LookupEvents
// API. It implements ingest.Source, for a first look where no trail delivers to S3.
//
// One source is one account and Region. Its objects are hours, such as
// us-east-1/2026-01-02T03, and only events of kms.amazonaws.com are asked for. An
// hour is final an hour after its end; until then its ETag changes with every
// listing, so that it is read again. Events that CloudTrail supplies later than
// that are not seen.
//
// AWS allows two requests a second for each account and Region, with at most 50
// events each: 100 events a second at best. Every attempt waits for its turn. A
// day of 50 events or fewer costs one request, any other day at least 24. The
// requests are free of charge.
package historysource
