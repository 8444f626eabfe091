package ingest

import (
	"slices"
	"strings"
)

// readTrail takes from a change of a trail what it will deliver from then on.
func (r *relatedRecord) readTrail(request, response map[string]any, eventName string) {
	if string(r.source) != "cloudtrail.amazonaws.com" {
		return
	}
	switch eventName {
	case "PutEventSelectors":
		r.trailEvents = selectedEvents(request)
	case "CreateTrail", "UpdateTrail":
		r.logValidation = firstFlag(request, "enableLogFileValidation")
		// A trail is made without it unless the request says otherwise; an
		// update that does not speak of it leaves it as it was.
		if r.logValidation == absent && eventName == "CreateTrail" {
			r.logValidation = firstFlag(response, "logFileValidationEnabled")
		}
	}
}

// selectedEvents says which KMS records a trail with these selectors takes:
// all, read_only, write_only, excluded (management events are taken, but not
// those of KMS) or none; "" when the request has no selectors. A trail has
// either basic or advanced selectors (CloudTrail API Reference,
// "PutEventSelectors"), and takes what any of them takes.
func selectedEvents(request map[string]any) string {
	takes := takesBasic
	selectors, ok := memberIn(request, "eventSelectors").([]any)
	if advanced, isAdvanced := memberIn(request, "advancedEventSelectors").([]any); isAdvanced && len(advanced) > 0 {
		selectors, takes, ok = advanced, takesAdvanced, true
	}
	if !ok || len(selectors) == 0 {
		return ""
	}
	taken := func(e trailEvent) bool {
		return slices.ContainsFunc(selectors, func(s any) bool {
			selector, ok := s.(map[string]any)
			return ok && takes(selector, e)
		})
	}
	reads, writes := taken(kmsRead), taken(kmsWrite)
	switch {
	case reads && writes:
		return "all"
	case reads:
		return "read_only"
	case writes:
		return "write_only"
	case taken(otherRead) || taken(otherWrite):
		return "excluded"
	default:
		return "none"
	}
}

// trailEvent stands for the management events that selectors are asked about.
type trailEvent struct {
	source, name string
	readOnly     bool
}

var (
	kmsRead    = trailEvent{"kms.amazonaws.com", "Decrypt", true}
	kmsWrite   = trailEvent{"kms.amazonaws.com", "ScheduleKeyDeletion", false}
	otherRead  = trailEvent{"ec2.amazonaws.com", "DescribeInstances", true}
	otherWrite = trailEvent{"ec2.amazonaws.com", "RunInstances", false}
)

// takesBasic reports whether a basic event selector takes e. What it does not
// say has the API's default: management events, reads and writes.
func takesBasic(selector map[string]any, e trailEvent) bool {
	if firstFlag(selector, "includeManagementEvents") == no {
		return false
	}
	switch strings.ToLower(textMember(selector, "readWriteType")) {
	case "readonly":
		if !e.readOnly {
			return false
		}
	case "writeonly":
		if e.readOnly {
			return false
		}
	}
	excluded, _ := memberIn(selector, "excludeManagementEventSources").([]any)
	return !slices.Contains(excluded, any(e.source))
}

// takesAdvanced reports whether an advanced event selector takes e: all its
// fields must match.
func takesAdvanced(selector map[string]any, e trailEvent) bool {
	fields, _ := memberIn(selector, "fieldSelectors").([]any)
	management := false
	for _, f := range fields {
		field, ok := f.(map[string]any)
		if !ok {
			return false
		}
		name := strings.ToLower(textMember(field, "field"))
		management = management || name == "eventcategory"
		if !matchesField(field, fieldOf(name, e)) {
			return false
		}
	}
	return management
}

// fieldOf is what e has in a field of selectors; "" stands for a value that is
// none of those selectors name, such as a caller.
func fieldOf(name string, e trailEvent) string {
	switch name {
	case "eventcategory":
		return "Management"
	case "eventsource":
		return e.source
	case "eventname":
		return e.name
	case "eventtype":
		return "AwsApiCall"
	case "readonly":
		if e.readOnly {
			return "true"
		}
		return "false"
	}
	return ""
}

// conditions are the operators of a field selector: one of the values must
// match, of the negated ones none may.
var conditions = []struct {
	name    string
	negated bool
	match   func(s, part string) bool
}{
	{"equals", false, strings.EqualFold},
	{"startsWith", false, strings.HasPrefix},
	{"endsWith", false, strings.HasSuffix},
	{"notEquals", true, strings.EqualFold},
	{"notStartsWith", true, strings.HasPrefix},
	{"notEndsWith", true, strings.HasSuffix},
}

func matchesField(field map[string]any, value string) bool {
	for _, c := range conditions {
		list, _ := memberIn(field, c.name).([]any)
		if len(list) == 0 {
			continue
		}
		found := slices.ContainsFunc(list, func(v any) bool {
			s, ok := v.(string)
			return ok && c.match(value, s)
		})
		if found == c.negated {
			return false
		}
	}
	return true
}
