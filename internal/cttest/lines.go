package cttest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseLines makes records from event lines; the package comment describes
// them. The records are in the order of the lines; an error names its line.
func ParseLines(text string) ([][]byte, error) {
	events, err := ParseEvents(text)
	if err != nil {
		return nil, err
	}
	return Records(events...), nil
}

// ParseEvents is ParseLines before rendering.
func ParseEvents(text string) ([]Event, error) {
	var all []Event
	var last time.Time
	for i, raw := range strings.Split(text, "\n") {
		raw = strings.TrimSpace(raw)
		if raw == "" || strings.HasPrefix(raw, "#") {
			continue
		}
		l := line{last: last, seq: i * 1000}
		events, err := l.parse(raw)
		if err != nil {
			return nil, fmt.Errorf("parse event line %d %q: %w", i+1, raw, err)
		}
		last = l.at
		all = append(all, events...)
	}
	return all, nil
}

// line is one event line being parsed.
type line struct {
	last, at time.Time
	every    time.Duration
	count    int
	seq      int

	event     Event
	key       string
	principal string
	options   []option
}

type option struct{ name, value string }

func (l *line) parse(text string) ([]Event, error) {
	tokens, err := split(text)
	if err != nil {
		return nil, err
	}
	if tokens, err = l.parseTime(tokens); err != nil {
		return nil, err
	}
	if tokens, err = l.parseRepeat(tokens); err != nil {
		return nil, err
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("no event name")
	}
	l.event = Event{Name: tokens[0]}
	for _, token := range tokens[1:] {
		l.sort(token)
	}
	if err := l.apply(); err != nil {
		return nil, err
	}
	return l.expand()
}

func (l *line) parseTime(tokens []string) ([]string, error) {
	if offset, ok := strings.CutPrefix(tokens[0], "+"); ok {
		d, err := time.ParseDuration(offset)
		if err != nil {
			return nil, err
		}
		if l.last.IsZero() {
			return nil, fmt.Errorf("%s has no line before it", tokens[0])
		}
		l.at = l.last.Add(d)
		return tokens[1:], nil
	}
	t, err := time.Parse(time.RFC3339, tokens[0])
	if err != nil {
		return nil, err
	}
	l.at = t.UTC()
	return tokens[1:], nil
}

func (l *line) parseRepeat(tokens []string) ([]string, error) {
	l.every, l.count = time.Second, 1
	if len(tokens) > 0 {
		if d, err := time.ParseDuration(tokens[0]); err == nil {
			l.every, tokens = d, tokens[1:]
		}
	}
	if len(tokens) > 0 && len(tokens[0]) > 1 && tokens[0][0] == 'x' {
		if n, err := strconv.Atoi(tokens[0][1:]); err == nil {
			if n < 1 {
				return nil, fmt.Errorf("%s is no count", tokens[0])
			}
			l.count, tokens = n, tokens[1:]
		}
	}
	return tokens, nil
}

// sort puts a token where it belongs: key, principal or option.
func (l *line) sort(token string) {
	name, value, ok := strings.Cut(token, "=")
	head, _, _ := strings.Cut(token, "/")
	switch {
	case ok:
		l.options = append(l.options, option{name, value})
	case head == "key":
		l.key = token
	case strings.Contains(token, "/"), token == "root", strings.HasPrefix(token, "root@"),
		token == "internal", strings.HasPrefix(token, "internal@"):
		l.principal = token
	default:
		l.options = append(l.options, option{name: token})
	}
}

func (l *line) option(name string) (string, bool) {
	for _, o := range l.options {
		if o.name == name {
			return o.value, true
		}
	}
	return "", false
}

// apply turns key, principal and options into the event.
func (l *line) apply() error {
	e := &l.event
	e.Region = "us-east-1"
	if r, ok := l.option("region"); ok {
		e.Region = r
	}
	caller := "main"
	if a, ok := l.option("account"); ok {
		caller = a
	}
	if err := l.applyPrincipal(caller); err != nil {
		return err
	}
	owner := either(e.Caller.Account, Account("main"))
	if a, err := account(caller); err == nil && e.Caller.Account == "" {
		owner = a
	}
	if a, ok := l.option("owner"); ok {
		owner = a
	}
	if l.key != "" {
		arn, err := keyShorthand(l.key, owner, e.Region)
		if err != nil {
			return err
		}
		e.Key = arn
	}
	l.sampleDefaults()
	for _, o := range l.options {
		if err := l.applyOption(o); err != nil {
			return fmt.Errorf("option %s: %w", o.name, err)
		}
	}
	return l.applyService()
}

func (l *line) applyPrincipal(defaultAccount string) error {
	text := l.principal
	if text == "" {
		text = "role/app"
		if isServiceEvent(l.event.Name) {
			text = "internal"
		}
	}
	id, err := principal(text, defaultAccount)
	l.event.Caller = id
	return err
}

// principal reads kind/NAME[/SESSION][@ACCOUNT].
func principal(text, defaultAccount string) (Identity, error) {
	body, acct, ok := cutLast(text, '@')
	if !ok {
		body, acct = text, defaultAccount
	}
	acct, err := account(acct)
	if err != nil {
		return Identity{}, err
	}
	kind, name, _ := strings.Cut(body, "/")
	switch kind {
	case "role":
		role, session, _ := strings.Cut(name, "/")
		return AssumedRole(acct, role, either(session, "session")), nil
	case "user":
		return IAMUser(acct, name), nil
	case "root":
		return Root(acct), nil
	case "sso":
		return SSORole(acct, "Admin", name+"@example.com"), nil
	case "federated":
		return FederatedUser(acct, name), nil
	case "service":
		return AWSService(name + ".amazonaws.com"), nil
	case "account":
		id, err := account(name)
		if err != nil {
			return Identity{}, err
		}
		return AWSAccount(id, UniqueID("AROA", id, "app")+":session"), nil
	case "internal":
		return Internal(acct), nil
	}
	return Identity{}, fmt.Errorf("unknown principal %q", text)
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// keyShorthand reads key/NAME[@ACCOUNT[:REGION]] or key/ARN.
func keyShorthand(text, owner, region string) (string, error) {
	text = strings.TrimPrefix(text, "key/")
	if isARN(text) {
		return text, nil
	}
	name, where, _ := strings.Cut(text, "@")
	if where != "" {
		var r string
		owner, r, _ = strings.Cut(where, ":")
		region = either(r, region)
	}
	owner, err := account(owner)
	if err != nil {
		return "", err
	}
	return KeyARN(owner, region, name), nil
}

// sampleDefaults fills what the operation cannot do without.
func (l *line) sampleDefaults() {
	e := &l.event
	if strings.Contains(e.Name, ":") {
		return
	}
	s := Sample(e.Name, "main", l.at)
	switch e.Name {
	case "CreateGrant":
		e.Operations = s.Operations
		e.Grantee = RoleARN(either(e.Caller.Account, Account("main")), "worker")
	case "CreateAlias", "UpdateAlias", "DeleteAlias":
		e.Alias = "alias/" + strings.SplitN(strings.TrimPrefix(l.key, "key/"), "@", 2)[0]
	case "PutKeyPolicy":
		e.Policy = KeyPolicy(either(KeyAccount(e.Key), Account("main")))
	case "ScheduleKeyDeletion":
		e.Days = 30
	}
}

func (l *line) applyOption(o option) error {
	if done, err := l.applyPrefixed(o); done {
		return err
	}
	e := &l.event
	var err error
	switch o.name {
	case "account", "owner", "region", "via", "copies", "dup", "network", "bucket", "resource":
	case "ctx":
		e.Context = []Pair{}
	case "destctx":
		e.DestinationContext = []Pair{}
	case "dest":
		e.Destination, err = keyShorthand(o.value, either(e.Caller.Account, Account("main")), e.Region)
	case "ref":
		err = l.applyRef(o.value)
	case "error":
		if _, known := failures[o.value]; known {
			e.Failure = o.value
		} else {
			e.ErrorCode = o.value
		}
	case "message":
		e.ErrorMessage = o.value
	case "dryrun":
		e.DryRun = true
	case "days":
		e.Days, err = strconv.Atoi(o.value)
	case "validto":
		e.ValidTo, err = time.Parse(time.RFC3339, o.value)
	case "untag":
		e.TagKeys = append(e.TagKeys, o.value)
	case "ops":
		e.Operations = strings.Split(o.value, ",")
	case "grantee":
		e.Grantee, err = expandOne(o.value, "main")
	case "extra":
		e.Extra = o.value
	default:
		err = l.applyText(o)
	}
	return err
}

// applyText handles the options whose value goes into a field as it is.
func (l *line) applyText(o option) error {
	e := &l.event
	fields := map[string]*string{
		"alias": &e.Alias, "spec": &e.Spec, "alg": &e.Algorithm, "grant": &e.GrantID,
		"store": &e.Store, "policy": &e.Policy, "version": &e.Version, "ip": &e.IP,
		"agent": &e.Agent, "id": &e.ID, "state": &e.KeyState, "material": &e.Material,
		"request": &e.Request, "response": &e.Response, "resources": &e.Resources,
		"usage": &e.Usage, "origin": &e.Origin, "vpce": &e.VPCEndpoint, "description": &e.Description,
	}
	field, ok := fields[o.name]
	if !ok {
		return fmt.Errorf("unknown")
	}
	*field = o.value
	return nil
}

// applyPrefixed handles ctx.K, destctx.K and tag.K.
func (l *line) applyPrefixed(o option) (bool, error) {
	kind, key, ok := strings.Cut(o.name, ".")
	if !ok {
		return false, nil
	}
	p := Pair{key, o.value}
	switch kind {
	case "ctx":
		l.event.Context = append(l.event.Context, p)
	case "destctx":
		l.event.DestinationContext = append(l.event.DestinationContext, p)
	case "tag":
		l.event.Tags = append(l.event.Tags, p)
	default:
		return true, fmt.Errorf("unknown")
	}
	return true, nil
}

func (l *line) applyRef(ref string) error {
	e := &l.event
	switch {
	case ref == "none":
		e.KeyRef = "-"
	case ref == "arn":
		e.KeyRef = e.Key
	case ref == "id":
		e.KeyRef = keyIDOf(e.Key)
	case strings.HasPrefix(ref, "alias/"):
		e.KeyRef = ref
	default:
		return fmt.Errorf("want id, arn, alias/NAME or none, not %q", ref)
	}
	return nil
}

// applyService handles via= and events of other services.
func (l *line) applyService() error {
	if via, ok := l.option("via"); ok {
		name, resource, _ := strings.Cut(via, ":")
		s, known := services[name]
		switch {
		case !known:
			return fmt.Errorf("option via: unknown service %q", name)
		case l.event.Caller.Type == "AWSService":
			l.event = l.event.withServiceContext(s, resource)
		default:
			l.event = Via(l.event, name, resource)
		}
	}
	if service, name, ok := strings.Cut(l.event.Name, ":"); ok {
		l.event = l.other(service, name)
	}
	return nil
}

// other makes the event of another service, keeping what options have set.
func (l *line) other(service, name string) Event {
	e := l.event
	bucket, _ := l.option("bucket")
	resource, _ := l.option("resource")
	var o Event
	switch service + ":" + name {
	case "s3:PutBucketTagging":
		o = PutBucketTagging(l.at, e.Caller, e.Region, bucket, e.Tags)
	case "s3:DeleteBucketTagging":
		o = DeleteBucketTagging(l.at, e.Caller, e.Region, bucket)
	case "s3:PutBucketPolicy":
		o = PutBucketPolicy(l.at, e.Caller, e.Region, bucket)
	case "s3:PutObject":
		o = PutObject(l.at, e.Caller, e.Region, bucket, either(resource, "object"), e.Key)
	case "secretsmanager:TagResource":
		o = TagSecret(l.at, e.Caller, e.Region, l.secret(resource), e.Tags)
	case "secretsmanager:UntagResource":
		o = UntagSecret(l.at, e.Caller, e.Region, l.secret(resource), e.TagKeys)
	case "dynamodb:TagResource", "lambda:TagResource", "logs:TagResource":
		o = TagByARN(l.at, e.Caller, e.Region, service, resource, e.Tags)
	case "ec2:CreateTags":
		o = CreateTags(l.at, e.Caller, e.Region, resource, e.Tags)
	case "ec2:CreateVolume":
		o = CreateVolume(l.at, e.Caller, e.Region, e.Key)
	case "cloudtrail:PutEventSelectors":
		o = PutEventSelectors(l.at, e.Caller, e.Region, true)
	default:
		o = Other(l.at, e.Caller, e.Region, service, name, "")
	}
	o.ID, o.Extra, o.ErrorCode, o.ErrorMessage = e.ID, e.Extra, e.ErrorCode, e.ErrorMessage
	o.Failure, o.Key = e.Failure, e.Key
	if e.Request != "" {
		o.Request, o.Response = e.Request, ""
	}
	if e.Response != "" {
		o.Response = e.Response
	}
	return o
}

func (l *line) secret(resource string) string {
	if isARN(resource) {
		return resource
	}
	return SecretARN(either(l.event.Caller.Account, "main"), l.event.Region, resource)
}

// expand repeats the event, makes its copies and duplicates.
func (l *line) expand() ([]Event, error) {
	want, limited := l.option("copies")
	extra, err := l.duplicates()
	if err != nil {
		return nil, err
	}
	_, network := l.option("network")
	name := l.event.ID
	var all []Event
	for i := range l.count {
		e := l.event
		e.Time = l.at.Add(time.Duration(i) * l.every).Truncate(time.Second)
		e.Seq = l.seq + i
		if name != "" {
			e.ID = EventID(name)
			if l.count > 1 {
				e.ID = EventID(name + "/" + strconv.Itoa(i))
			}
		}
		for _, c := range Copies(e) {
			if limited && !wanted(want, &c, &e) {
				continue
			}
			for range extra + 1 {
				all = append(all, c)
			}
		}
		if network {
			all = append(all, Network(e, either(e.Caller.Account, "main")))
		}
	}
	return all, nil
}

func (l *line) duplicates() (int, error) {
	text, ok := l.option("dup")
	if !ok {
		return 0, nil
	}
	if text == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("option dup: %w", err)
	}
	return n, nil
}

// wanted says whether a copy is among those that copies= asks for.
func wanted(want string, c, e *Event) bool {
	for _, w := range strings.Split(want, "+") {
		switch w {
		case "both", "all":
			return true
		case "caller":
			if c.Recipient == e.Caller.Account {
				return true
			}
		case "owner":
			if c.Recipient == KeyAccount(e.Key) {
				return true
			}
		case "dest":
			if c.Recipient == KeyAccount(e.Destination) {
				return true
			}
		}
	}
	return false
}

// split cuts a line at blanks; a Go string literal right after an equals sign
// is one piece.
func split(text string) ([]string, error) {
	var tokens []string
	for {
		text = strings.TrimLeft(text, " \t")
		if text == "" {
			return tokens, nil
		}
		n := strings.IndexAny(text, " \t")
		if n < 0 {
			n = len(text)
		}
		eq := strings.IndexByte(text[:n], '=')
		if eq < 0 || eq+1 >= len(text) || (text[eq+1] != '"' && text[eq+1] != '`') {
			tokens, text = append(tokens, text[:n]), text[n:]
			continue
		}
		quoted, err := strconv.QuotedPrefix(text[eq+1:])
		if err != nil {
			return nil, fmt.Errorf("string after %s: %w", text[:eq+1], err)
		}
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("string after %s: %w", text[:eq+1], err)
		}
		tokens = append(tokens, text[:eq+1]+value)
		text = text[eq+1+len(quoted):]
	}
}
