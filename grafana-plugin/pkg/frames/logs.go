package frames

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// logsFrame makes a line of each row that has a time, with all its columns as
// labels.
func (t *table) logsFrame() *data.Frame {
	when, id := t.timeColumn("time", "timestamp", "event_time"), t.named("id", "event_id", "call_id", "finding_id", "change_id")
	var (
		times               []time.Time
		bodies, levels, ids []string
		labels              []json.RawMessage
		bytes               int64
	)
	taken := map[string]bool{}
	for i := range t.rows {
		at, ok := when.timeAt(i)
		if !ok {
			continue
		}
		times = append(times, at)
		bodies = append(bodies, t.line(i))
		levels = append(levels, t.level(i))
		ids = append(ids, unique(id.or(i, fmt.Sprintf("%s-%d", t.options.RefID, i)), taken))
		document := t.labelsOf(i)
		labels = append(labels, document)
		if bytes += int64(len(document)); bytes >= t.options.MaxBytes {
			t.truncate(fmt.Sprintf("Only the first %s lines are shown: together they have reached the limit of %s MiB. Select fewer columns or rows.", grouped(int64(len(times))), grouped(t.options.MaxBytes>>20)))
			break
		}
	}
	t.tellTimeless(when)
	frame := data.NewFrame("",
		data.NewField("timestamp", nil, times),
		data.NewField("body", nil, bodies),
		data.NewField("severity", nil, levels),
		data.NewField("id", nil, ids),
		data.NewField("labels", nil, labels),
	)
	frame.Meta = &data.FrameMeta{
		Type: data.FrameTypeLogLines, TypeVersion: data.FrameTypeVersion{0, 0},
		PreferredVisualization: data.VisTypeLogs,
	}
	return frame
}

// or returns the text of row i, or another where there is none; the column may
// be nil.
func (c *column) or(i int, other string) string {
	if c == nil {
		return other
	}
	if text, ok := c.label(i); ok && text != "" {
		return text
	}
	return other
}

// tellTimeless says how many rows have no time, and so no place.
func (t *table) tellTimeless(when *column) {
	n := int64(0)
	for i := range t.rows {
		if when.field.NilAt(i) {
			n++
		}
	}
	if n > 0 {
		t.notice(data.NoticeSeverityWarning, "%s without %s left out.", counted(n, "row"), when.field.Name)
	}
}

// text returns the value of the first of the columns that has one in row i, on
// one line; "" if none has.
func (t *table) text(i int, columns ...string) string {
	for _, name := range columns {
		if text := t.named(name).or(i, ""); text != "" {
			return oneLine(text, 1000)
		}
	}
	return ""
}

// line is what row i says: its own text, a sentence for a call or change, or
// its columns.
func (t *table) line(i int) string {
	if text := t.text(i, "body", "message", "line", "summary"); text != "" {
		return text
	}
	if t.text(i, "event_name") != "" {
		return t.sentence(i)
	}
	var out []string
	for _, c := range t.columns {
		if text, ok := c.label(i); ok {
			out = append(out, c.field.Name+"="+quoteIfNeeded(oneLine(text, 1000)))
		}
	}
	return strings.Join(out, " ")
}

func quoteIfNeeded(s string) string {
	if s == "" || strings.ContainsAny(s, " =\"") {
		return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"`
	}
	return s
}

// sentence says who did what to which key, from where, and how it ended.
func (t *table) sentence(i int) string {
	out := t.text(i, "event_name") + t.outcome(i)
	who, account := t.caller(i)
	switch {
	case who != "" && account != "":
		out += " by " + who + " of " + account
	case who != "":
		out += " by " + who
	case account != "":
		out += " by account " + account
	}
	if key, owner := t.key(i); key != "" {
		out += " on key " + key
		if owner != "" && owner != account {
			out += " of " + owner
		}
	}
	service, address := t.text(i, "service"), t.text(i, "source_ip_address")
	if service != "" {
		out += " through " + service
	}
	// For a call of a service the address is that service's name.
	if address != "" && (service == "" || !strings.HasSuffix(address, ".amazonaws.com") && address != "AWS Internal") {
		out += " from " + address
	}
	return out
}

// outcome is how a call ended; nothing for success.
func (t *table) outcome(i int) string {
	class := t.text(i, "error_class", "error_code")
	if class == "other" {
		class = t.text(i, "error_code", "error_class")
	}
	switch class {
	case "":
		return ""
	case "denied", "throttled":
		return " " + class
	case "dry_run":
		return " (dry run)"
	default:
		return " failed (" + strings.ReplaceAll(class, "_", " ") + ")"
	}
}

// caller returns who made a call, and that one's account, where they are known.
func (t *table) caller(i int) (who, account string) {
	account = t.text(i, "caller_account_id")
	if arn := t.text(i, "principal_arn", "role_arn", "caller_arn"); arn != "" {
		name, of := principal(arn)
		if account == "" {
			account = of
		}
		return name, account
	}
	if service := t.text(i, "invoked_by"); service != "" {
		return service, account
	}
	return t.text(i, "caller_id", "principal_id"), account
}

// principal returns what an ARN of IAM or STS names, as people say it, and its
// account. What is no such ARN comes back as it is.
func principal(arn string) (name, account string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return arn, ""
	}
	kind, rest, found := strings.Cut(parts[5], "/")
	if !found {
		return parts[5], parts[4]
	}
	switch kind {
	case "assumed-role":
		role, _, _ := strings.Cut(rest, "/")
		return "role " + role, parts[4]
	case "role", "user", "federated-user":
		kind = strings.ReplaceAll(kind, "-", " ")
		return kind + " " + rest[strings.LastIndexByte(rest, '/')+1:], parts[4]
	}
	return parts[5], parts[4]
}

// key returns the shortest name of the key that a call used, an alias if there
// is one, and the account that owns it.
func (t *table) key(i int) (name, owner string) {
	arn := t.text(i, "key_arn")
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		owner = parts[4]
		name = strings.TrimPrefix(parts[5], "key/")
	}
	// An alias comes by itself or at the end of an ARN.
	if _, alias, ok := strings.Cut(t.text(i, "alias_name", "key_reference"), "alias/"); ok {
		name = "alias/" + alias
	}
	if name == "" {
		name = t.text(i, "key_id", "key_reference", "key_arn")
	}
	if o := t.text(i, "key_account_id"); o != "" {
		owner = o
	}
	return name, owner
}

// level is Grafana's level for how bad a row is.
func (t *table) level(i int) string {
	switch level := strings.ToLower(t.text(i, "level", "severity")); level {
	case "":
	case "high":
		return "error"
	case "medium":
		return "warning"
	case "low":
		return "info"
	default:
		return level
	}
	switch class := t.text(i, "error_class", "error_code"); class {
	case "", "dry_run":
		return "info"
	case "pending_deletion":
		return "critical"
	case "denied", "disabled", "pending_import":
		return "error"
	default:
		return "warning"
	}
}

// labelsOf returns the columns of row i as an object of texts, without those
// that are NULL.
func (t *table) labelsOf(i int) json.RawMessage {
	out := []byte{'{'}
	for _, c := range t.columns {
		text, ok := c.label(i)
		if !ok {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(appendQuoted(out, c.field.Name), ':')
		out = appendQuoted(out, text)
	}
	return append(out, '}')
}
