package s3source

import (
	"context"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"

	"github.com/kmstrail/kmstrail/ingest"
)

// countRequests counts every attempt of every operation.
func (s *Source) countRequests(stack *middleware.Stack) error {
	// The deserialize step runs once an attempt, after the retry loop.
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("CountRequests",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			if awsmiddleware.GetOperationName(ctx) == "ListObjectsV2" {
				s.lists.Add(1)
			} else {
				s.gets.Add(1)
			}
			return next.HandleDeserialize(ctx, in)
		}), middleware.Before)
}

// brokenOff says that an answer which ended too early is worth another attempt.
// The SDK retries broken connections only until the headers are there.
func brokenOff(err error) aws.Ternary {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// Prices of S3 Standard requests in us-east-1 and most other Regions, in USD,
// as listed in November 2026.
const (
	pricePerList = 0.005 / 1000
	pricePerGet  = 0.0004 / 1000
)

// Cost estimates what requests cost in USD: LIST 0.005 and GET or HEAD 0.0004 per
// thousand (S3 Standard, us-east-1, as of November 2026). Other Regions and
// storage classes differ, some by half. Not in it: data transfer out of the
// Region, retrieval fees of colder storage classes, and the KMS requests that
// reading an SSE-KMS bucket makes.
func Cost(r ingest.Requests) float64 {
	return float64(r.List)*pricePerList + float64(r.Get)*pricePerGet
}
