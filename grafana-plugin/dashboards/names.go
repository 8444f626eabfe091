package dashboards

// Names instead of ids, in SQL. Joins are to tables that hold little: accounts
// from the configuration, and keys.

// keyName is an alias of the key, else its id; k is the alias of the table keys.
func keyName(k, arn string) string {
	return "coalesce(" + k + ".aliases, regexp_extract(" + arn + ", '[^/]*$'), 'no key')"
}

// accountName is the name of an account, else its id; a is the alias of the
// table accounts.
func accountName(a, id string) string {
	return "coalesce(" + a + ".account_name, " + id + ")"
}

// principalName is what an ARN says behind its account, such as role/app; else what
// else identifies the caller.
func principalName(arn, id string) string {
	return "coalesce(nullif(split_part(" + arn + ", ':', 6), ''), " + arn + ", " + id + ", 'unknown')"
}

// usage is the table of who used a key for what, by the hour, or by the day where
// a point of the panel is a day: over months that is a twelfth of the rows. Panels
// that group it by $__timeGroupAlias(time, auto(1h)) get groups that fit. Its time
// is called time.
const usage = `(
  SELECT hour AS time, * EXCLUDE (hour)
  FROM usage_hourly
  WHERE $__interval_ms <= 43200000 AND $__timeFilter(hour, 1h)
  UNION ALL BY NAME
  SELECT CAST(day AS TIMESTAMP) AS time, * EXCLUDE (day)
  FROM usage_daily
  WHERE $__interval_ms > 43200000 AND $__dateFilter(day)
)`
