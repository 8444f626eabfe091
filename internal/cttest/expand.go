package cttest

import (
	"fmt"
	"regexp"
	"strings"
)

var shorthand = regexp.MustCompile(`\{(key|role|user|root|sso|federated|account|id|secret)(/[^{}\s]*)?(@[^{}\s]*)?\}`)

// Expand replaces shorthands in braces by what they stand for in event lines:
//
//	{key/NAME[@ACCOUNT[:REGION]]}  key ARN (region us-east-1 unless given)
//	{role/NAME[@ACCOUNT]}          role ARN (arn:aws:iam::…:role/NAME)
//	{user/NAME[@ACCOUNT]}          IAM user ARN; likewise root, sso, federated
//	{account/NAME}                 account id
//	{id/NAME}                      event id of a line with id=NAME
//	{secret/NAME[@ACCOUNT[:REGION]]}  secret ARN
//
// The account is main unless given. Text in other braces is left alone; an
// unknown account is an error.
func Expand(text string) (string, error) {
	var failed error
	out := shorthand.ReplaceAllStringFunc(text, func(m string) string {
		full, err := expandOne(strings.Trim(m, "{}"), "main")
		if err != nil && failed == nil {
			failed = fmt.Errorf("expand %s: %w", m, err)
		}
		return full
	})
	return out, failed
}

// expandOne expands one shorthand without braces; other text is returned as it
// is.
func expandOne(text, defaultAccount string) (string, error) {
	kind, rest, _ := strings.Cut(text, "/")
	switch kind {
	case "key":
		return keyShorthand(text, defaultAccount, "us-east-1")
	case "account":
		return account(rest)
	case "id":
		return EventID(rest), nil
	case "secret":
		name, where, _ := strings.Cut(rest, "@")
		acct, region, _ := strings.Cut(where, ":")
		acct, err := account(either(acct, defaultAccount))
		if err != nil {
			return "", err
		}
		return SecretARN(acct, either(region, "us-east-1"), name), nil
	case "role", "user", "root", "sso", "federated":
		id, err := principal(text, defaultAccount)
		if err != nil {
			return "", err
		}
		if id.Issuer != nil && id.Issuer.Type == "Role" {
			return id.Issuer.ARN, nil
		}
		return id.ARN, nil
	}
	if strings.HasPrefix(text, "root@") {
		id, err := principal(text, defaultAccount)
		return id.ARN, err
	}
	return text, nil
}
