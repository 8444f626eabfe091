package dashboards

import (
	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/palette"
	"maps"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/builder"
)

// crossAccount is the ledger of keys that one account owns and another uses.
func crossAccount() Dashboard {
	return kmsDashboard(crossAccountUID, "KMS cross-account ledger",
		"Which account uses the keys of which other account, whether the configuration trusts it, and since when.",
		"now-30d", append(accountAndRegion(), several("key", "Key"), filters()),
		[]Annotation{crossFindingMarks()},
		[]Panel{
			crossTile("Untrusted",
				"Pairs of caller and owner of which a call used a key without a rule of trust for it. Ask the owner of the key: take the account out of the key policy, or add it to trusted_accounts.",
				"count(DISTINCT (caller_account_id, key_account_id)) FILTER (call_trust = 'untrusted')").colours(blue, 1, red).says("pairs, not trusted"),
			crossTile("New pairs",
				"Pairs of caller and owner whose first call of all lies in the range. In a range that begins before the logs do, all are new.",
				"count(DISTINCT (caller_account_id, key_account_id)) FILTER (is_new)").colours(blue, 1, orange).says("pairs, never seen before"),
			crossTile("Denied",
				"Calls on keys of another account that were refused. Only the caller's account logs them, so attempts of strangers are not in it.",
				"coalesce(sum(calls) FILTER (error_class = 'denied'), 0)").colours(blue, 1, orange).says("calls refused"),
			crossFindingsTile(),
			crossTile("Pairs",
				"Different pairs of the account that calls and the account that owns the key.",
				"count(DISTINCT (caller_account_id, key_account_id))").says("pairs of accounts"),
			crossTile("Calls",
				"Calls on keys of another account, each counted once, from the side that knows more of them.",
				"sum(calls)").says("calls across accounts"),
			crossBars(), pairsTable(), ledgerTable(), crossFindings(), trustTable(),
		})
}

// noCrossCalls is why there may be nothing.
const noCrossCalls = "No account called a key of another account in this range and selection."

// across has CTEs with one row per key, caller and outcome, of usage by time or of
// totals. A rule of trust counts that held for the key at any time in the range; the
// detector looks at the moment of each call.
func across(calls string) string {
	time := ""
	if calls == usage {
		time = "u.time, "
	}
	return `across AS (
  SELECT
    ` + time + `u.key_arn, u.key_account_id, u.region, u.caller_account_id, u.caller_id, u.event_name, u.operation_class, u.error_class,
    max(u.principal_arn) AS principal_arn,
    greatest(sum(u.caller_use_count), sum(u.use_count)) AS calls,
    min(u.first_event_time) AS first_seen,
    max(u.last_event_time) AS last_seen
  FROM ` + calls + ` AS u
  WHERE u.caller_account_id <> u.key_account_id AND NOT u.is_self
    AND ($__accountFilter(u.caller_account_id) OR $__accountFilter(u.key_account_id))
    AND $__regionFilter(u.region) AND $__keyFilter(u.key_arn)
  GROUP BY ALL
),
rules AS (
  SELECT r.account_id, coalesce(r.key_arn, t.key_arn) AS key_arn
  FROM trust_rules AS r
  LEFT JOIN key_timeline AS t
    ON t.valid_from < $__timeTo() AND coalesce(t.valid_to > $__timeFrom(), true)
    AND (t.kind = 'alias' AND t.name LIKE r.alias_pattern OR t.kind = 'tag' AND t.name = r.tag_key AND t.value = coalesce(r.tag_value, t.value))
  GROUP BY r.account_id, r.key_arn, r.alias_pattern, r.tag_key, r.tag_value, t.key_arn
  HAVING count(DISTINCT t.kind) = CAST(r.alias_pattern IS NOT NULL AS INTEGER) + CAST(r.tag_key IS NOT NULL AS INTEGER)
    AND coalesce(r.key_arn = t.key_arn, true)
),
firsts AS (
  SELECT caller_account_id, key_account_id, min(first_event_time) AS first_ever
  FROM usage_monthly
  WHERE caller_account_id <> key_account_id
  GROUP BY ALL
),
wanted AS (
  SELECT DISTINCT u.key_arn, u.caller_account_id, u.event_name
  FROM across AS u
  JOIN rules
    ON (rules.account_id IN ('*', u.caller_account_id) OR u.event_name = 'ReEncrypt' AND rules.account_id = u.key_account_id)
    AND coalesce(rules.key_arn, u.key_arn) = u.key_arn
),
ledger AS (
  SELECT
    ` + time + `u.key_arn, u.key_account_id, u.region, u.caller_account_id, u.caller_id, u.event_name, u.error_class, u.principal_arn,
    u.calls, u.first_seen, u.last_seen, f.first_ever,
    f.first_ever >= $__timeFrom() AS is_new,
    CASE
      WHEN u.operation_class <> 'cryptographic' AND u.event_name <> 'CreateGrant' OR u.error_class IN ('dry_run', 'not_found') THEN 'not needed'
      WHEN w.key_arn IS NOT NULL THEN 'trusted'
      ELSE 'untrusted'
    END AS call_trust
  FROM across AS u
  LEFT JOIN firsts AS f ON f.caller_account_id = u.caller_account_id AND f.key_account_id = u.key_account_id
  LEFT JOIN wanted AS w ON w.key_arn = u.key_arn AND w.caller_account_id = u.caller_account_id AND w.event_name = u.event_name
)`
}

// worstTrust is one word for many calls.
const worstTrust = `CASE
    WHEN bool_or(l.call_trust = 'untrusted') AND bool_or(l.call_trust = 'trusted') THEN 'untrusted in part'
    WHEN bool_or(l.call_trust = 'untrusted') THEN 'untrusted'
    WHEN bool_or(l.call_trust = 'trusted') THEN 'trusted'
    ELSE 'not needed'
  END`

// crossTile is one number of the ledger; none at all when nobody called.
func crossTile(title, description, number string) Panel {
	return stat(title, description, "none", "short", table(`WITH `+across(totals)+`
SELECT CASE WHEN count(*) > 0 THEN `+number+` END AS value
FROM ledger`))
}

// crossDetector finds use by accounts that are not trusted.
const crossDetector = "cross_account_decrypt"

func crossFindingsTile() Panel {
	return stat("Findings",
		"Findings of use by accounts that are not trusted, in the range, that nobody has resolved or suppressed. Look at each: it has evidence and says what to do.",
		"none", "short", table(`SELECT count(*) AS value
FROM findings
WHERE detector_id = '`+crossDetector+`' AND status IN ('new', 'in_progress')
  AND first_seen < $__timeTo() AND last_seen >= $__timeFrom()
  AND $__accountFilter(account_id) AND $__regionFilter(region) AND $__keyFilter(key_arn)
HAVING (SELECT count(*) FROM detector_runs WHERE detector_id = '`+crossDetector+`') > 0`)).
		colours(blue, 1, red).to("Findings", dashboardURL(findingsUID, append(same("account", "region"), "var-detector="+crossDetector)...)).says("open, of untrusted use")
}

func crossBars() Panel {
	return bars("Calls across accounts, by pair",
		"Calls by who calls whose keys, twelve pairs by name, untrusted ones first: red ones are untrusted, blue ones trusted, grey ones only look keys up. A pair that was not there before is a new access path: look it up in the table below.",
		noCrossCalls, 24, 8, series(`WITH `+across(usage)+`,
sums AS (
  SELECT
    $__timeGroup(l.time, auto(1h), zero) AS time,
    l.call_trust || ': ' || `+accountName("c", "l.caller_account_id")+` || ' → ' || `+accountName("o", "l.key_account_id")+` AS name,
    sum(l.calls) AS n
  FROM ledger AS l
  LEFT JOIN accounts AS c ON c.account_id = l.caller_account_id
  LEFT JOIN accounts AS o ON o.account_id = l.key_account_id
  GROUP BY ALL
),
largest AS (SELECT name FROM sums GROUP BY name ORDER BY name LIKE 'untrusted%' DESC, sum(n) DESC, name LIMIT 12)
SELECT sums.time, coalesce(largest.name, 'other') AS name, sum(sums.n) AS call_count
FROM sums
LEFT JOIN largest ON largest.name = sums.name
GROUP BY ALL
ORDER BY sums.time`, "{{name}}")).legendWidth(420).
		fields("^untrusted", shades(red)).fields("^trusted", shades(blue)).fields("^(not needed|other)", shades(grey))
}

// shades are different ones of a colour for different series.
func shades(color string) Property {
	return Property{ID: "color", Value: Color{Mode: "shades", FixedColor: color}}
}

// legendWidth makes room for long names of series.
func (p Panel) legendWidth(px int) Panel {
	legend := maps.Clone(p.Options["legend"].(map[string]any))
	legend["width"] = px
	return p.option("legend", legend)
}

func pairsTable() Panel {
	return grid("Pairs of accounts",
		"Who calls whose keys. in: a stranger, whose logs are not here, uses our key; out: one of ours uses a stranger's key; inside: both are ours. Trust is not needed for looking a key up. Start with what is untrusted and new.",
		noCrossCalls, 24, 9, table(`WITH `+across(totals)+`,
ours AS (SELECT DISTINCT account_id FROM arrivals WHERE account_id IS NOT NULL)
SELECT
  `+worstTrust+` AS trust,
  `+accountName("c", "l.caller_account_id")+` AS caller_name,
  l.caller_account_id,
  `+accountName("o", "l.key_account_id")+` AS owner_name,
  l.key_account_id,
  CASE
    WHEN max(c_ours.account_id) IS NULL THEN 'in'
    WHEN max(o_ours.account_id) IS NULL THEN 'out'
    ELSE 'inside'
  END AS direction,
  count(DISTINCT l.key_arn) AS key_count,
  count(DISTINCT l.caller_id) AS caller_count,
  sum(l.calls) AS call_count,
  coalesce(sum(l.calls) FILTER (l.error_class = 'denied'), 0) AS denied_count,
  max(l.first_ever) AS first_ever,
  CASE WHEN bool_or(l.is_new) THEN 'new' ELSE '' END AS is_new,
  max(l.last_seen) AS last_seen
FROM ledger AS l
LEFT JOIN accounts AS c ON c.account_id = l.caller_account_id
LEFT JOIN accounts AS o ON o.account_id = l.key_account_id
LEFT JOIN ours AS c_ours ON c_ours.account_id = l.caller_account_id
LEFT JOIN ours AS o_ours ON o_ours.account_id = l.key_account_id
GROUP BY c.account_name, l.caller_account_id, o.account_name, l.key_account_id
ORDER BY trust = 'trusted', trust = 'not needed', call_count DESC, l.caller_account_id, l.key_account_id
LIMIT 500`)).hide("caller_account_id", "key_account_id").trustColours().
		field("caller_name", called("Caller"), leads(toAccount("caller_account_id"))).
		field("owner_name", called("Owns the key"), leads(toAccount("key_account_id"))).
		field("direction", called("Direction")).
		field("key_count", called("Keys")).field("caller_count", called("Callers")).field("call_count", called("Calls")).
		field("denied_count", append(textColours(text, 1, orange), called("Denied"))...).
		field("first_ever", called("First call of all")).
		field("is_new", called("In range"), coloured(palette.Orange), pill).
		field("last_seen", called("Last call")).
		widths("trust", 140, "caller_name", 190, "owner_name", 190, "direction", 90, "key_count", 80, "caller_count", 90, "call_count", 80,
			"denied_count", 90, "first_ever", 170, "is_new", 90)
}

func ledgerTable() Panel {
	return grid("Keys and callers across accounts",
		"Each key with those from other accounts who called it, and for what. The owner's records do not name a stranger: then the caller is the unique id of the principal. Key and caller lead to all about them.",
		noCrossCalls, 24, 11, table(`WITH `+across(totals)+`
SELECT
  `+worstTrust+` AS trust,
  `+keyName("l.key_arn")+` AS key_name,
  l.key_arn,
  `+accountName("o", "l.key_account_id")+` AS owner_name,
  l.key_account_id,
  l.region,
  `+accountName("c", "l.caller_account_id")+` AS caller_account,
  l.caller_account_id,
  `+principalName("max(l.principal_arn)", "l.caller_id")+` AS caller_name,
  max(l.principal_arn) AS principal_arn,
  array_to_string(list_sort(list(DISTINCT l.event_name)), ', ') AS operations,
  sum(l.calls) AS call_count,
  coalesce(sum(l.calls) FILTER (l.error_class = 'denied'), 0) AS denied_count,
  min(l.first_seen) AS first_seen,
  max(l.last_seen) AS last_seen
FROM ledger AS l
LEFT JOIN accounts AS c ON c.account_id = l.caller_account_id
LEFT JOIN accounts AS o ON o.account_id = l.key_account_id
LEFT JOIN key_names AS k ON k.key_arn = l.key_arn
GROUP BY k.aliases, l.key_arn, o.account_name, l.key_account_id, l.region, c.account_name, l.caller_account_id, l.caller_id
ORDER BY trust = 'trusted', trust = 'not needed', call_count DESC, l.key_arn, l.caller_id
LIMIT 500`)).hide("key_arn", "key_account_id", "caller_account_id", "principal_arn").trustColours().
		field("key_name", called("Key"), leads(toKey())).
		field("owner_name", called("Owner"), leads(toAccount("key_account_id"))).
		field("caller_account", called("Caller's account"), leads(toAccount("caller_account_id"))).
		field("caller_name", called("Caller"), leads(toPrincipal("principal_arn"))).
		field("denied_count", append(textColours(text, 1, orange), called("Denied"))...).
		field("first_seen", called("First in range")).field("last_seen", called("Last in range")).
		widths("trust", 120, "key_name", 210, "owner_name", 130, "region", 110, "caller_account", 150, "caller_name", 190, "operations", 150,
			"call_count", 80, "denied_count", 90, "first_seen", 160, "last_seen", 160)
}

// trustColours are those of the column trust.
func (p Panel) trustColours() Panel {
	return p.field("trust", append(marked("untrusted", palette.Red, "untrusted in part", palette.Red, "trusted", palette.Green, "not needed", palette.Gray), called("Trust"))...)
}

func crossFindings() Panel {
	return grid("Findings of untrusted use",
		"What the detector found in the range: who used which key without trust. The summary leads to the finding, with evidence and what to do.",
		"No findings in this range and selection. Whether the detector has looked at everything is on the dashboard of coverage and health.",
		24, 8, Query{Kind: "findings", Findings: &builder.Findings{
			Detectors: []string{crossDetector}, Accounts: []string{"$account"}, Regions: []string{"$region"}, Keys: []string{"$key"}, Limit: 100,
		}}).
		hide("detector_id", "account_id", "region", "key_arn", "principal_arn", "first_seen", "status_reason", "finding_id", "aliases").
		widths("severity", 80, "status", 90, "account_name", 130, "event_count", 80, "last_seen", 160).
		field("summary", leads(toFinding())).
		field("account_name", leads(toAccount("account_id")))
}

func trustTable() Panel {
	return grid("Rules of trust",
		"The rules of the configuration, and the calls across accounts that they cover in the range. A rule that nobody needs for months can go.",
		"The configuration trusts no account: all use of keys across accounts is reported. Name accounts under trusted_accounts or trust.",
		24, 7, table(`WITH `+across(totals)+`
SELECT
  `+accountName("a", "r.account_id")+` AS name,
  r.account_id,
  coalesce(r.key_arn, r.alias_pattern, r.tag_key || '=' || coalesce(r.tag_value, '*'), 'all keys') AS keys,
  r.reason,
  coalesce(sum(l.calls), 0) AS call_count,
  max(l.last_seen) AS last_seen
FROM trust_rules AS r
LEFT JOIN accounts AS a ON a.account_id = r.account_id
LEFT JOIN ledger AS l ON l.call_trust = 'trusted' AND r.account_id IN ('*', l.caller_account_id)
GROUP BY ALL
ORDER BY call_count, name, keys`)).hide("account_id").
		field("name", called("Trusted account"), leads(toAccount("account_id"))).
		field("keys", called("For"), short()).field("reason", called("Reason")).
		field("call_count", append(textColours(grey, 1, text), called("Calls"))...).
		field("last_seen", called("Last call")).
		widths("name", 250, "keys", 300, "call_count", 100, "last_seen", 180)
}

func crossFindingMarks() Annotation {
	return annotation("Findings", red, true, Query{Kind: "findings", Findings: &builder.Findings{
		Detectors: []string{crossDetector}, Accounts: []string{"$account"}, Regions: []string{"$region"},
	}})
}
