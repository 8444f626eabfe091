package ingest

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"
)

// parseTime reads CloudTrail's eventTime, 2006-01-02T15:04:05Z, and any other
// RFC 3339 time. It returns microseconds since 1970, UTC.
func parseTime(s []byte) (int64, bool) {
	if len(s) == 20 && s[4] == '-' && s[7] == '-' && s[10] == 'T' && s[13] == ':' && s[16] == ':' && s[19] == 'Z' {
		return unixMicro(digits(s[0:4]), digits(s[5:7]), digits(s[8:10]), digits(s[11:13]), digits(s[14:16]), digits(s[17:19]))
	}
	t, err := time.Parse(time.RFC3339Nano, string(s))
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return 0, false
	}
	return t.UnixMicro(), true
}

// parseCompact reads 20060102T150405Z, the second form of creationDate.
func parseCompact(s []byte) (int64, bool) {
	if len(s) != 16 || s[8] != 'T' || s[15] != 'Z' {
		return parseTime(s)
	}
	return unixMicro(digits(s[0:4]), digits(s[4:6]), digits(s[6:8]), digits(s[9:11]), digits(s[11:13]), digits(s[13:15]))
}

// digits reads a decimal number; -1 when s holds anything else.
func digits(s []byte) int {
	n := 0
	for _, c := range s {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func unixMicro(year, month, day, hour, minute, sec int) (int64, bool) {
	if year < 1970 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || sec < 0 || sec > 60 {
		return 0, false
	}
	if day > 28 && day > time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day() {
		return 0, false
	}
	days := daysSince1970(year, month, day)
	return (((days*24+int64(hour))*60+int64(minute))*60 + int64(sec)) * 1e6, true
}

// daysSince1970 counts days in the proleptic Gregorian calendar, taking March
// as the first month so that the leap day comes last.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	yearOfEra := year - era*400
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return int64(era)*146097 + int64(dayOfEra) - 719468
}

// dateLayouts are the forms in which KMS logs dates inside requests and
// responses: Java's US locale, with and without a second comma, with a 12 or
// (in AWS's own samples) a 24 hour clock that still says PM.
var dateLayouts = []string{
	"Jan 2, 2006, 3:04:05 PM",
	"Jan 2, 2006 3:04:05 PM",
	"Jan 2, 2006, 15:04:05",
	"Jan 2, 2006 15:04:05",
	time.RFC3339Nano,
}

// parseDate reads a date inside requestParameters or responseElements, as UTC,
// in microseconds since 1970.
func parseDate(s []byte) (int64, bool) {
	// Newer Java runtimes put a narrow no-break space before AM and PM.
	text := strings.NewReplacer("\u202f", " ", "\u00a0", " ").Replace(string(bytes.TrimSpace(s)))
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().UnixMicro(), inRange(t)
		}
	}
	for _, suffix := range []string{" PM", " AM"} {
		if cut, ok := strings.CutSuffix(text, suffix); ok {
			for _, layout := range dateLayouts[2:4] {
				if t, err := time.Parse(layout, cut); err == nil {
					return t.UTC().UnixMicro(), inRange(t)
				}
			}
		}
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f > 0 && f < 253402300800 {
		return int64(math.Round(f * 1e6)), true
	}
	return 0, false
}

func inRange(t time.Time) bool { return t.Year() >= 1970 && t.Year() <= 9999 }

// parseUUID reads a GUID in its usual form, of any version, in either case.
func parseUUID(s []byte) (id uuid, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, false
	}
	n := 0
	for i := 0; i < 36; {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			i++
		}
		hi, lo := hexValue[s[i]], hexValue[s[i+1]]
		if hi > 15 || lo > 15 {
			return uuid{}, false
		}
		id[n] = hi<<4 | lo
		n++
		i += 2
	}
	return id, id != uuid{}
}

var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = c - '0'
	}
	for c := byte('a'); c <= 'f'; c++ {
		t[c], t[c-'a'+'A'] = c-'a'+10, c-'a'+10
	}
	return t
}()
