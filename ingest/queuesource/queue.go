package queuesource

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"github.com/kmstrail/kmstrail/ingest"
	"github.com/kmstrail/kmstrail/ingest/s3source"
)

const (
	// batch is the most messages of one call.
	batch = 10
	// attemptTimeout bounds one attempt; a long poll takes up to 20 s.
	attemptTimeout = 40 * time.Second
	maxAttempts    = 4
	// parallel is how many batches are deleted at once.
	parallel = 8
)

// Config says which queue to read and how. URL is required.
type Config struct {
	// URL is the queue's own, as aws sqs get-queue-url prints it. Its host is the
	// endpoint.
	URL string
	// Profile is a profile of the shared AWS configuration; "" is the default.
	Profile string
	// Region of the queue; "" takes it from the URL, else from the AWS
	// configuration.
	Region string
	// Credentials replaces the default search for them.
	Credentials aws.CredentialsProvider
	// MaxBackoff is the longest wait between attempts; default 20 s.
	MaxBackoff time.Duration
}

// Queue is a queue of SQS.
type Queue struct {
	url    string
	name   string
	client *sqs.Client
}

// Open reads the AWS configuration. It makes no request.
func Open(ctx context.Context, cfg Config) (*Queue, error) {
	at, err := ParseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	if cfg.MaxBackoff <= 0 {
		cfg.MaxBackoff = s3source.DefaultMaxBackoff
	}
	opts := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(attemptTimeout)),
		awsconfig.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts = maxAttempts
				o.Backoff = retry.NewExponentialJitterBackoff(cfg.MaxBackoff)
				o.RateLimiter = ratelimit.None
			})
		}),
	}
	if cfg.Profile != "" {
		opts = append(opts, awsconfig.WithSharedConfigProfile(cfg.Profile))
	}
	if cfg.Credentials != nil {
		opts = append(opts, awsconfig.WithCredentialsProvider(cfg.Credentials))
	}
	if region := cmp.Or(at.Region, cfg.Region); region != "" {
		opts = append(opts, awsconfig.WithRegion(region))
	}
	ac, err := awsconfig.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("read AWS configuration: %w", s3source.Explain(err))
	}
	if ac.Region == "" {
		return nil, fmt.Errorf("open queue %s: no Region given: set aws.region or AWS_REGION", cfg.URL)
	}
	return &Queue{url: cfg.URL, name: at.Name(), client: sqs.NewFromConfig(ac, func(o *sqs.Options) { o.BaseEndpoint = &at.endpoint })}, nil
}

// Name is that of the queue in the ledger: sqs://HOST/ACCOUNT/QUEUE.
func (q *Queue) Name() string { return q.name }

// Address is what the URL of a queue says.
type Address struct {
	// Region is "" when the host does not name it; Account and Queue are "" when
	// the path is not /ACCOUNT/QUEUE.
	Region, Account, Queue string

	endpoint, rest string
}

// ParseURL takes the URL of a queue apart.
func ParseURL(text string) (Address, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") == "" || u.RawQuery != "" || u.User != nil {
		return Address{}, fmt.Errorf("%q is not the URL of a queue; it looks like https://sqs.eu-central-1.amazonaws.com/111122223333/kmstrail", text)
	}
	a := Address{endpoint: u.Scheme + "://" + u.Host, rest: u.Host + u.Path}
	for label := range strings.SplitSeq(u.Hostname(), ".") {
		if ingest.IsRegion(label) {
			a.Region = label
		}
	}
	if u.Hostname() == "queue.amazonaws.com" {
		a.Region = "us-east-1"
	}
	if parts := strings.Split(strings.Trim(u.Path, "/"), "/"); len(parts) == 2 && ingest.IsAccountID(parts[0]) {
		a.Account, a.Queue = parts[0], parts[1]
	}
	return a, nil
}

// Name is that of the queue in the ledger.
func (a Address) Name() string { return "sqs://" + a.rest }

// message is one that was received.
type message struct {
	id, receipt string
	body        []byte
	// sent is when SQS took it; it is SQS that says so, not the sender.
	sent time.Time

	notice Notice
	fate   fate
	why    error
}

// receive waits for messages, which stay hidden for visibility.
func (q *Queue) receive(ctx context.Context, wait, visibility time.Duration) ([]*message, error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: batch,
		WaitTimeSeconds: int32(wait / time.Second), VisibilityTimeout: int32(visibility / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
	})
	if err != nil {
		return nil, q.failed(ctx, "receive messages from", "sqs:ReceiveMessage", err)
	}
	list := make([]*message, len(out.Messages))
	for i, m := range out.Messages {
		list[i] = &message{id: aws.ToString(m.MessageId), receipt: aws.ToString(m.ReceiptHandle), body: []byte(aws.ToString(m.Body)), sent: sentAt(m)}
	}
	return list, nil
}

func sentAt(m types.Message) time.Time {
	ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	if err != nil || ms <= 0 {
		return time.Now().UTC()
	}
	return time.UnixMilli(ms).UTC()
}

// failed says which call failed, and what is missing when it was denied.
func (q *Queue) failed(ctx context.Context, what, action string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	doing := what + " queue " + q.url
	e, ok := errors.AsType[*s3source.Error](s3source.Explain(err))
	switch {
	case !ok:
		return fmt.Errorf("%s: %w", doing, err)
	case e.Code == "ConnectionRefused" || e.Code == "NoSuchHost":
		return fmt.Errorf("%s: nothing answers there: check queue.url and the network: %w", doing, e.Err)
	case strings.Contains(e.Code, "AccessDenied"):
		return fmt.Errorf("%s: %w: allow %s on the queue; kmstrail iam-policy ingest prints the policy", doing, e, action)
	case strings.Contains(e.Code, "NonExistentQueue"), strings.Contains(e.Code, "QueueDoesNotExist"):
		return fmt.Errorf("%s: there is no such queue; check account, Region and name: %w", doing, e)
	}
	return fmt.Errorf("%s: %w", doing, e)
}

// extend keeps messages hidden for another visibility, or with 0 shows them at
// once. It returns those for which that was not possible any more.
func (q *Queue) extend(ctx context.Context, messages []*message, visibility time.Duration) (lost []*message, err error) {
	err = inBatches(ctx, messages, func(ctx context.Context, some []*message) ([]*message, error) {
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(some))
		for i, m := range some {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &m.receipt, VisibilityTimeout: int32(visibility / time.Second)}
		}
		out, err := q.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return nil, q.failed(ctx, "keep messages hidden in", "sqs:ChangeMessageVisibility", err)
		}
		return failedOf(some, out.Failed), nil
	}, &lost)
	return lost, err
}

// remove deletes messages. It returns those that are still there.
func (q *Queue) remove(ctx context.Context, messages []*message) (left []*message, err error) {
	err = inBatches(ctx, messages, func(ctx context.Context, some []*message) ([]*message, error) {
		entries := make([]types.DeleteMessageBatchRequestEntry, len(some))
		for i, m := range some {
			entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &m.receipt}
		}
		out, err := q.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return some, q.failed(ctx, "delete messages of", "sqs:DeleteMessage", err)
		}
		return failedOf(some, out.Failed), nil
	}, &left)
	return left, err
}

// failedOf returns the messages that an answer calls failed.
func failedOf(some []*message, failed []types.BatchResultErrorEntry) []*message {
	var out []*message
	for _, f := range failed {
		if i, err := strconv.Atoi(aws.ToString(f.Id)); err == nil && i >= 0 && i < len(some) {
			out = append(out, some[i])
		}
	}
	return out
}

// inBatches does something to all messages, several batches at once, and gathers
// those with which it failed.
func inBatches(ctx context.Context, messages []*message, do func(context.Context, []*message) ([]*message, error), failed *[]*message) error {
	n := (len(messages) + batch - 1) / batch
	bad, errs := make([][]*message, n), make([]error, n)
	var g errgroup.Group
	g.SetLimit(parallel)
	for i := range n {
		g.Go(func() error {
			bad[i], errs[i] = do(ctx, messages[i*batch:min((i+1)*batch, len(messages))])
			return nil
		})
	}
	_ = g.Wait() // errors are in errs: one batch does not keep the others
	for _, some := range bad {
		*failed = append(*failed, some...)
	}
	return errors.Join(errs...)
}
