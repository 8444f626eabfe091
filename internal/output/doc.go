// Package output writes query results and untrusted text for people and for
// programs.
//
// [Write] streams Arrow record batches as an aligned table, CSV, JSON, JSON
// lines or Parquet. One value reads the same in all of them: timestamps are
// RFC 3339 in UTC, UUIDs are text, integers of any size and decimals are exact
// numbers, MAPs are objects, intervals are ISO 8601 durations, binary is
// base64. What JSON has no word for (NaN, infinities) is null there.
//
// CloudTrail logs hold text that strangers chose: user agents, aliases,
// encryption contexts. [Clean] makes such text safe for a terminal, and a
// table always holds clean text. In CSV a text cell that a spreadsheet would
// take for a formula (it begins with =, +, -, @, tab or carriage return) gets
// an apostrophe in front, unless asked otherwise; numbers are left alone.
package output
