package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// grouped writes n with thousands separators.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// plural chooses the word for n.
func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// counted is the number and its word.
func counted(n int64, one, many string) string {
	return grouped(n) + " " + plural(n, one, many)
}

// byteSize writes a number of bytes with a decimal unit.
func byteSize(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return counted(n, "byte", "bytes")
	}
	v, unit := float64(n), -1
	for v >= 999.5 && unit < len(units)-1 {
		v /= 1000
		unit++
	}
	if v < 9.95 {
		return fmt.Sprintf("%.1f %cB", v, units[unit])
	}
	return fmt.Sprintf("%.0f %cB", v, units[unit])
}

// percent writes a share without decimals, except below one percent.
func percent(share float64) string {
	switch {
	case share <= 0:
		return "0%"
	case share < 0.001:
		return "<0.1%"
	case share < 0.0095:
		return fmt.Sprintf("%.1f%%", share*100)
	default:
		return fmt.Sprintf("%.0f%%", share*100)
	}
}

// decimal writes a number of details or of a quota: whole numbers grouped from
// 10,000 on, others with at most three decimals.
func decimal(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		if math.Abs(v) < 10000 {
			return strconv.FormatInt(int64(v), 10)
		}
		return grouped(int64(v))
	}
	s := strconv.FormatFloat(v, 'f', 3, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

const (
	dayLayout    = "2006-01-02"
	minuteLayout = "2006-01-02 15:04"
	secondLayout = "2006-01-02 15:04:05"
)

func day(t time.Time) string { return t.UTC().Format(dayLayout) }

func minute(t time.Time) string { return t.UTC().Format(minuteLayout) }

func second(t time.Time) string { return t.UTC().Format(secondLayout) }

// ends writes two moments, or one when they are the same second; the date of
// the second only where it differs.
func ends(first, last time.Time) []string {
	a, b := second(first), second(last)
	switch {
	case a == b:
		return []string{a}
	case day(first) == day(last):
		return []string{a, b[len(dayLayout)+1:]}
	default:
		return []string{a, b}
	}
}

// span writes two moments on one line.
func span(first, last time.Time) string {
	return strings.Join(ends(first, last), " to ") + " UTC"
}

// String writes the window as days where both ends are midnight, the last day
// included.
func (w Window) String() string {
	if w.Start.IsZero() || w.End.IsZero() {
		return "no period"
	}
	start, end := w.Start.UTC(), w.End.UTC()
	whole := 24 * time.Hour
	if !start.Truncate(whole).Equal(start) || !end.Truncate(whole).Equal(end) || !start.Before(end) {
		return minute(start) + " to " + minute(end) + " UTC"
	}
	n := int64(end.Sub(start) / whole)
	if n == 1 {
		return day(start) + " (1 day, UTC)"
	}
	return day(start) + " to " + day(end.Add(-whole)) + " (" + grouped(n) + " days, UTC)"
}

// clean makes text from a log safe to show: one line, no control characters,
// nothing that changes the direction or hides, valid UTF-8, at most maxText
// characters. What was replaced shows as U+FFFD, so that it is noticed.
func clean(s string) string { return cut(visible(s), maxText) }

// visible is clean without the cut.
func visible(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || unicode.In(r, unicode.Zl, unicode.Zp):
			b.WriteByte(' ')
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// cut shortens in the middle, because ids and ARNs differ at both ends.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	head := (limit - 1) * 2 / 3
	tail := limit - 1 - head
	return string(runes[:head]) + "…" + string(runes[len(runes)-tail:])
}

// humanize turns a column name into words.
func humanize(name string) string {
	return strings.ReplaceAll(clean(name), "_", " ")
}

// value writes one value of a finding's details on one line.
func value(v any) string {
	switch v := v.(type) {
	case nil:
		return "not known"
	case string:
		return clean(v)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case time.Time:
		return second(v) + " UTC"
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return decimal(f)
		}
		return clean(v.String())
	case float64:
		return decimal(v)
	case int:
		return decimal(float64(v))
	case int32:
		return decimal(float64(v))
	case int64:
		return decimal(float64(v))
	case []string:
		return list(len(v), func(i int) string { return clean(v[i]) })
	case []any:
		return list(len(v), func(i int) string { return value(v[i]) })
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		return list(len(keys), func(i int) string { return clean(keys[i]) + " = " + value(v[keys[i]]) })
	case map[string]string:
		keys := slices.Sorted(maps.Keys(v))
		return list(len(keys), func(i int) string { return clean(keys[i]) + " = " + clean(v[keys[i]]) })
	default:
		return clean(fmt.Sprint(v))
	}
}

// list joins at most ten items and says how many are left.
func list(n int, item func(int) string) string {
	if n == 0 {
		return "none"
	}
	const most = 10
	parts := make([]string, 0, most+1)
	for i := range min(n, most) {
		parts = append(parts, item(i))
	}
	if n > most {
		parts = append(parts, fmt.Sprintf("and %d more", n-most))
	}
	return cut(strings.Join(parts, ", "), 2*maxText)
}

// accountText names an account for people.
func accountText(id, name string) string {
	switch {
	case id == "":
		return "account not known"
	case name == "":
		return clean(id)
	default:
		return clean(id) + " (" + clean(name) + ")"
	}
}

// quotaText writes a quota's name in words.
func quotaText(name string) string { return humanize(name) }

// stateText writes a coverage state in words.
func stateText(s CoverageState) string {
	switch s {
	case Excluded:
		return "KMS or its reads left out"
	case Unseen:
		return "not in the logs"
	default:
		return string(s)
	}
}

// severities lists the severities, worst first.
func severities() []string { return []string{"critical", "high", "medium", "low", "info"} }

// severityRank orders severities; unknown ones come last.
func severityRank(s string) int {
	if i := slices.Index(severities(), s); i >= 0 {
		return i
	}
	return len(severities())
}

// arn is what people read of an ARN.
type arn struct{ region, account, name string }

// splitARN takes an ARN apart; other text is all name.
func splitARN(s string) arn {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[5] == "" {
		return arn{name: s}
	}
	return arn{region: parts[3], account: parts[4], name: parts[5]}
}

// delayText writes the upper end of a delay.
func delayText(minutes int64) string {
	switch {
	case minutes == 0:
		return "not known"
	case minutes > 7*24*60:
		return "more than a week"
	case minutes >= 24*60:
		return "up to " + counted(minutes/(24*60), "day", "days")
	case minutes >= 60:
		return "up to " + counted(minutes/60, "hour", "hours")
	default:
		return "up to " + counted(minutes, "minute", "minutes")
	}
}

// delayStep writes one step of the histogram of delays.
func delayStep(minutes int64) string {
	steps := map[int64]string{
		5: "up to 5 minutes", 10: "5 to 10 minutes", 15: "10 to 15 minutes", 30: "15 to 30 minutes", 60: "30 to 60 minutes",
		180: "1 to 3 hours", 360: "3 to 6 hours", 1440: "6 to 24 hours", 10080: "1 to 7 days",
	}
	if s := steps[minutes]; s != "" {
		return s
	}
	return delayText(minutes)
}

// DelayText says in a sentence how late KMS records came; "" when there are
// none of which it is known.
func (c Coverage) DelayText() string {
	var known, soon, hour, latest int64
	for _, d := range c.Delays {
		if d.UpToMinutes == 0 {
			continue
		}
		known += d.KMSRecords
		latest = max(latest, d.UpToMinutes)
		switch {
		case d.UpToMinutes <= 15:
			soon += d.KMSRecords
		case d.UpToMinutes <= 60:
			hour += d.KMSRecords
		}
	}
	if known == 0 {
		return ""
	}
	share := func(n int64) string { return nearly(n, known) }
	text := share(soon) + " of the KMS records were delivered within 15 minutes"
	if hour > 0 {
		text += ", " + share(hour) + " within the hour"
	}
	if later := known - soon - hour; later > 0 {
		text += ", " + grouped(later) + " later (" + delayText(latest) + ")"
	}
	return text + "."
}

// nearly is a share that is 100% only when it is.
func nearly(n, of int64) string {
	s := percent(float64(n) / float64(of))
	if s == "100%" && n < of {
		return fmt.Sprintf("%.1f%%", math.Min(99.9, 100*float64(n)/float64(of)))
	}
	return s
}
