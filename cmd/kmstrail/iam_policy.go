package main

import (
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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
	var key, partition string
	cmd := &cobra.Command{
		Use:   "ingest [s3://BUCKET/PREFIX]",
		Short: "Print the policy for reading a log bucket",
		Long: `Prints the policy that kmstrail ingest and kmstrail serve need to read the log
files of a bucket: that of the argument, else ingest.source. Where a KMS key
encrypts them (SSE-KMS) name it with --kms-key; if the key or the bucket is in
another account, its own policy has to allow the same.`,
		Example: `  kmstrail iam-policy ingest s3://my-trail-bucket/org
  kmstrail iam-policy ingest s3://my-trail-bucket --kms-key arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab`,
		Args: between(0, 1, "the bucket"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			source := cfg.Ingest.Source
			if len(args) > 0 {
				source = args[0]
			}
			if !operate.IsBucket(source) {
				return usagef("write s3://BUCKET/PREFIX, or set ingest.source", "no bucket is given")
			}
			u, err := url.Parse(source)
			if err != nil || !bucketPattern.MatchString(u.Host) {
				return usagef("write s3://BUCKET or s3://BUCKET/PREFIX", "%q does not name a bucket", source)
			}
			if err := oneOf("--partition", partition, partitions()); err != nil {
				return err
			}
			if key != "" {
				if err := config.CheckValue("key_arn", key); err != nil {
					return usagef("give the ARN of the key, not of an alias", "--kms-key: %v", err)
				}
			}
			_, prefix, _ := strings.Cut(strings.TrimPrefix(source, "s3://"), "/")
			_, err = io.WriteString(a.stdout, iampolicy.Ingest(iampolicy.Bucket{Partition: partition, Name: u.Host, Prefix: prefix, KeyARN: key}).JSON())
			return err
		},
	}
	cmd.Flags().StringVar(&key, "kms-key", "", "`ARN` of the KMS key that encrypts the log files")
	partitionFlag(cmd, &partition)
	return cmd
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
