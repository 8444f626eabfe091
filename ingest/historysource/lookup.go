package historysource

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go/middleware"
)

const day = 24 * time.Hour

// errTooLarge says that events have more bytes than may be read.
var errTooLarge = errors.New("too many bytes")

// quietDay remembers the events of a day when one request had all of them.
type quietDay struct {
	mu     sync.Mutex
	asked  bool
	whole  bool
	events []types.Event
}

// eventsOf returns the events of an hour, the newest first.
func (s *Source) eventsOf(ctx context.Context, hour time.Time, limit int64) ([]types.Event, error) {
	end := hour.Add(time.Hour)
	midnight := hour.Truncate(day)
	if !midnight.Add(day + Settled).After(s.cfg.Now()) {
		events, whole, err := s.eventsOfDay(ctx, midnight)
		if err != nil {
			return nil, err
		}
		if whole {
			return between(events, hour, end), nil
		}
	}
	var all []types.Event
	var token *string
	for size := int64(0); ; {
		out, err := s.lookup(ctx, hour, end, token)
		if err != nil {
			return nil, err
		}
		for _, e := range out.Events {
			size += int64(len(aws.ToString(e.CloudTrailEvent)))
		}
		if size > limit {
			return nil, errTooLarge
		}
		all = append(all, out.Events...)
		if aws.ToString(out.NextToken) == "" {
			return all, nil
		}
		token = out.NextToken
	}
}

// eventsOfDay returns the events of a day when they fit into one request, which
// is made only once.
func (s *Source) eventsOfDay(ctx context.Context, midnight time.Time) ([]types.Event, bool, error) {
	s.mu.Lock()
	d := s.days[midnight]
	if d == nil {
		d = new(quietDay)
		s.days[midnight] = d
	}
	s.mu.Unlock()

	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked {
		return d.events, d.whole, nil
	}
	start := midnight
	if oldest := s.cfg.Now().Add(-Kept); start.Before(oldest) {
		start = oldest
	}
	out, err := s.lookup(ctx, start, midnight.Add(day), nil)
	if err != nil {
		return nil, false, err
	}
	d.asked = true
	if aws.ToString(out.NextToken) == "" {
		d.whole, d.events = true, out.Events
	}
	return d.events, d.whole, nil
}

func between(events []types.Event, start, end time.Time) []types.Event {
	var found []types.Event
	for _, e := range events {
		if at := aws.ToTime(e.EventTime); !at.Before(start) && at.Before(end) {
			found = append(found, e)
		}
	}
	return found
}

// lookup makes one request for events in [start, end).
func (s *Source) lookup(ctx context.Context, start, end time.Time, token *string) (*cloudtrail.LookupEventsOutput, error) {
	return s.client.LookupEvents(ctx, &cloudtrail.LookupEventsInput{
		StartTime: &start,
		// Both bounds are inclusive and events have whole seconds.
		EndTime:    aws.Time(end.Add(-time.Second)),
		MaxResults: aws.Int32(pageSize),
		NextToken:  token,
		LookupAttributes: []types.LookupAttribute{{
			AttributeKey: types.LookupAttributeKeyEventSource, AttributeValue: aws.String(eventSource),
		}},
	})
}

// appendEvents writes events, the oldest first.
func appendEvents(dst []byte, events []types.Event) ([]byte, error) {
	buf := bytes.NewBuffer(dst)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	buf.WriteString(`{"Events":[`)
	for i, e := range slices.Backward(events) {
		if i < len(events)-1 {
			buf.WriteByte(',')
		}
		record := struct{ CloudTrailEvent string }{aws.ToString(e.CloudTrailEvent)}
		if err := enc.Encode(record); err != nil {
			return dst, err
		}
	}
	buf.WriteString("]}\n")
	return buf.Bytes(), nil
}

// paceRequests makes every attempt wait for its turn.
func (s *Source) paceRequests(stack *middleware.Stack) error {
	// The deserialize step runs once an attempt, after the retry loop.
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("PaceRequests",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
			if err := s.pacer.wait(ctx); err != nil {
				return middleware.DeserializeOutput{}, middleware.Metadata{}, err
			}
			s.lookups.Add(1)
			return next.HandleDeserialize(ctx, in)
		}), middleware.Before)
}

// pacer spaces out requests evenly. There are no bursts: a second in which two
// requests were saved up and two more came would be throttled.
type pacer struct {
	interval time.Duration
	mu       sync.Mutex
	next     time.Time
}

func newPacer(perSecond float64) *pacer {
	return &pacer{interval: time.Duration(float64(time.Second) / perSecond)}
}

// reserve takes the next turn and returns how long it is until then.
func (p *pacer) reserve(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next.Before(now) {
		p.next = now
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(p.interval)
	return wait
}

func (p *pacer) wait(ctx context.Context) error {
	timer := time.NewTimer(p.reserve(time.Now()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
