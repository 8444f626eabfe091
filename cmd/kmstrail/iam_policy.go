package main

import (
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmstrail/kmstrail/ingest/queuesource"
	"github.com/kmstrail/kmstrail/internal/awsinventory"
	"github.com/kmstrail/kmstrail/internal/config"
	"github.com/kmstrail/kmstrail/internal/iampolicy"
	"github.com/kmstrail/kmstrail/internal/operate"
)

func iamPolicyCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "iam-policy",
		Short: "Print the least IAM policies that kmstrail needs",
	}
	group(cmd)
	cmd.AddCommand(ingestPolicyCommand(a), inventoryPolicyCommand(a))
	return cmd
}

// partitions are those of AWS.
func partitions() []string { return []string{"aws", "aws-cn", "aws-us-gov"} }

func partitionFlag(cmd *cobra.Command, partition *string) {
	cmd.Flags().StringVar(partition, "partition", "aws", "`PARTITION` of ARNs: aws, aws-cn or aws-us-gov")
	completeValues(cmd, "partition", partitions)
}

var bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func ingestPolicyCommand(a *app) *cobra.Command {
	var key, queueKey, partition string
	var verify bool
	cmd := &cobra.Command{
		Use:   "ingest [s3://BUCKET/PREFIX]",
		Short: "Print the policy for reading a log bucket",
		Long: `Prints the policy that kmstrail ingest and kmstrail serve need to read the log
files of a bucket: that of the argument, else ingest.source. Where a KMS key
encrypts them (SSE-KMS) name it with --kms-key; if the key or the bucket is in
another account, its own policy has to allow the same. With --queue, or queue.url
in the configuration, the policy also allows to read the queue and the log files
of queue.buckets.`,
		Example: `  kmstrail iam-policy ingest s3://my-trail-bucket/org
  kmstrail iam-policy ingest s3://my-trail-bucket --kms-key arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
  kmstrail iam-policy ingest s3://my-trail-bucket --queue https://sqs.eu-central-1.amazonaws.com/111122223333/trail`,
		Args: between(0, 1, "the bucket"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				cfg.Ingest.Source = args[0]
			}
			if err := oneOf("--partition", partition, partitions()); err != nil {
				return err
			}
			for flag, arn := range map[string]string{"--kms-key": key, "--queue-kms-key": queueKey} {
				if err := config.CheckValue("key_arn", arn); arn != "" && err != nil {
					return usagef("give the ARN of the key, not of an alias", "%s: %v", flag, err)
				}
			}
			doc, err := ingestPolicy(cfg, partition, key, queueKey)
			if err != nil {
				return err
			}
			if verify {
				doc = doc.WithVerify()
			}
			_, err = io.WriteString(a.stdout, doc.JSON())
			return err
		},
	}
	cmd.Flags().StringVar(&key, "kms-key", "", "`ARN` of the KMS key that encrypts the log files")
	cmd.Flags().BoolVar(&verify, "verify", false, "also what kmstrail verify needs to find public keys")
	cmd.Flags().String("queue", "", "`URL` of the SQS queue that tells of new log files")
	cmd.Flags().StringVar(&queueKey, "queue-kms-key", "", "`ARN` of the KMS key that encrypts the queue")
	overrides(cmd, "queue", "queue.url")
	partitionFlag(cmd, &partition)
	return cmd
}

func ingestPolicy(cfg config.Config, partition, key, queueKey string) (doc iampolicy.Document, err error) {
	if !operate.IsBucket(cfg.Ingest.Source) {
		return doc, usagef("write s3://BUCKET/PREFIX, or set ingest.source", "no bucket is given")
	}
	bucket, err := bucketOf(cfg.Ingest.Source, partition, key)
	if err != nil || cfg.Queue.URL == "" {
		return iampolicy.Ingest(bucket), err
	}
	if err := operate.CheckQueue(cfg); err != nil {
		return doc, err
	}
	queue, err := queuesource.ParseURL(cfg.Queue.URL)
	if err != nil {
		return doc, err
	}
	if queue.Region == "" || queue.Queue == "" {
		return doc, usagef("it looks like https://sqs.REGION.amazonaws.com/ACCOUNT/NAME", "the ARN of the queue %s is not known: its URL does not say Region and account", cfg.Queue.URL)
	}
	var others []iampolicy.Bucket
	for _, place := range cfg.Queue.Buckets {
		other, err := bucketOf(place, partition, key)
		if err != nil {
			return doc, err
		}
		if place != cfg.Ingest.Source {
			others = append(others, other)
		}
	}
	arn := "arn:" + partition + ":sqs:" + queue.Region + ":" + queue.Account + ":" + queue.Queue
	return iampolicy.Ingest(bucket).WithQueue(iampolicy.Queue{ARN: arn, KeyARN: queueKey}, others...), nil
}

func bucketOf(place, partition, key string) (iampolicy.Bucket, error) {
	u, err := url.Parse(place)
	if err != nil || !bucketPattern.MatchString(u.Host) {
		return iampolicy.Bucket{}, usagef("write s3://BUCKET or s3://BUCKET/PREFIX", "%q does not name a bucket", place)
	}
	_, prefix, _ := strings.Cut(strings.TrimPrefix(place, "s3://"), "/")
	return iampolicy.Bucket{Partition: partition, Name: u.Host, Prefix: prefix, KeyARN: key}, nil
}

func inventoryPolicyCommand(a *app) *cobra.Command {
	var role, trust bool
	var partition, principal string
	cmd := &cobra.Command{
		Use:   "inventory",
		Short: "Print the policies for kmstrail inventory sync",
		Long: `Prints the policy for the credentials of kmstrail inventory sync: its calls in
their own account, those to Organizations, and the right to assume the role in the
accounts of inventory.accounts (any, when it names none). --role prints the policy
of that role, --trust its trust policy. The key policies of AWS's default let IAM
policies decide; a stricter one has to name the role too.`,
		Example: `  kmstrail iam-policy inventory
  kmstrail iam-policy inventory --role
  kmstrail iam-policy inventory --trust --principal arn:aws:iam::111122223333:role/kmstrail --external-id example`,
		Args: noArguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			if err := plainly(a.inventoryOptions(cfg).Check()); err != nil {
				return err
			}
			if err := oneOf("--partition", partition, partitions()); err != nil {
				return err
			}
			doc, err := inventoryPolicy(cfg, partition, principal, role, trust)
			if err != nil {
				return err
			}
			_, err = io.WriteString(a.stdout, doc.JSON())
			return err
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&role, "role", false, "print the policy of the role that is assumed in other accounts")
	flags.BoolVar(&trust, "trust", false, "print the trust policy of that role")
	flags.StringVar(&principal, "principal", "", "with --trust: `ARN` of who may assume it, the role or user that runs kmstrail")
	flags.StringSlice("account", nil, "account `ID` to ask (repeatable)")
	flags.StringSlice("part", nil, "only for this `PART` (repeatable): "+join(awsinventory.Parts()))
	flags.String("role-name", "", "`NAME` of the role (default kmstrail-inventory)")
	flags.String("external-id", "", "with --trust: external `ID` that must be given")
	for flag, path := range map[string]string{
		"account": "inventory.accounts", "part": "inventory.parts", "role-name": "inventory.role_name", "external-id": "inventory.external_id",
	} {
		overrides(cmd, flag, path)
	}
	partitionFlag(cmd, &partition)
	completeValues(cmd, "part", awsinventory.Parts)
	return cmd
}

func inventoryPolicy(cfg config.Config, partition, principal string, role, trust bool) (iampolicy.Document, error) {
	o := awsinventory.PolicyOptions{
		Partition: partition, Parts: cfg.Inventory.Parts, RoleName: cfg.Inventory.RoleName, Accounts: slices.Clone(cfg.Inventory.Accounts),
	}
	switch {
	case role && trust:
		return iampolicy.Document{}, usagef("give one of them; each is a policy of its own", "--role and --trust exclude each other")
	case trust && principal == "":
		return iampolicy.Document{}, usagef("add --principal ARN, of the role or user that runs kmstrail", "--trust: who may assume the role is not known")
	case trust:
		if err := config.CheckValue("principal", principal); err != nil {
			return iampolicy.Document{}, usagef("give the role, not a session", "--principal: %v", err)
		}
		return awsinventory.TrustPolicy(principal, cfg.Inventory.ExternalID), nil
	case role:
		return awsinventory.RolePolicy(o), nil
	}
	return awsinventory.Policy(o), nil
}
