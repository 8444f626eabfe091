package dashboards

import (
	"strings"

	"github.com/kmstrail/kmstrail/grafana-plugin/pkg/palette"
)

// cost is what KMS requests cost, and what S3 Bucket Keys would save.
func cost() Dashboard {
	return kmsDashboard(costUID, "KMS cost and Bucket Keys",
		"What KMS requests cost by list price, who causes it, and for which buckets S3 Bucket Keys seem to be off.",
		"now-30d", append(accountAndRegion(), filters()), nil,
		[]Panel{
			costStat("Cost", "What the requests of the range cost: "+listPrice,
				"sum(usd)", "currencyUSD").says("at list price"),
			costStat("In 30 days", "What thirty days like those of the range cost: "+listPrice,
				"sum(usd) * 30 * 86400 / date_diff('second', $__timeFrom(), $__timeTo())", "currencyUSD").says("cost, at this rate"),
			costChange(),
			costStat("Requests", "Requests that AWS bills. Those of AWS services with a principal of their own count in the account in whose trail they are.",
				"sum(requests)", "short").says("requests billed"),
			costStat("By S3", "The share of the cost that comes through Amazon S3. S3 Bucket Keys can take away most of it: see below.",
				"sum(usd) FILTER (service = 's3') / nullif(sum(usd), 0)", "percentunit").decimals(0).says("of the cost, by S3"),
			costStat("By kmstrail", "The share of the cost that kmstrail itself causes by reading an encrypted log bucket.",
				"coalesce(sum(usd) FILTER (service = 'kmstrail'), 0) / nullif(sum(usd), 0)", "percentunit").decimals(1).says("of the cost, by kmstrail"),
			costBars("Cost by service",
				"What requests cost by the AWS service they came through; direct are those of programs and people. A step up is a new user, or a cache that was lost. "+listPrice,
				"service", 24, 9).paint("direct", "dark-blue", "s3", blue, "secretsmanager", "light-blue", "ssm", "super-light-blue",
				"cloudtrail", "dark-purple", "config", "light-purple", "lambda", "super-light-purple", "kmstrail|other", grey),
			costBars("Cost by account", "What requests cost by the account that pays: the caller's. "+listPrice,
				accountName("a", "c.account_id"), 12, 9).paint("other", grey),
			costBars("Cost by price class", "Making RSA key pairs costs 400 times as much as a symmetric request, asymmetric requests five times. "+listPrice,
				"price_tier", 12, 9).paint("standard", blue, "asymmetric", "light-blue", "rsa_key_pair", "purple", "ecc_key_pair", "light-purple"),
			costlyKeys(), costlyCallers(), bucketKeys(),
			row("Prices used", priceTable()),
		})
}

// listPrice is said wherever there are dollars.
const listPrice = "An estimate by the list prices of US Regions, without the free tier of 20,000 requests a month; keys themselves cost extra."

const noCost = "No billed requests in this range and selection."

// costs has CTEs with one row per account, service, price class and whatever else
// of usage u, or time, it is grouped by.
func costs(columns string) string {
	source := totals
	if strings.Contains(columns, "u.time") {
		source = usage
	}
	if columns != "" {
		columns += ", "
	}
	return `costs AS (
  SELECT
    ` + columns + `u.paying_account_id AS account_id,
    CASE WHEN u.is_self THEN 'kmstrail' ELSE coalesce(u.service, 'direct') END AS service,
    u.price_tier,
    sum(u.call_count) AS requests,
    sum(u.call_count) * any_value(p.usd_per_10000) / 1e4 AS usd
  FROM ` + source + ` AS u
  LEFT JOIN prices AS p ON p.price_tier = u.price_tier
  WHERE u.price_tier IS NOT NULL AND u.call_count > 0 AND $__accountFilter(u.paying_account_id) AND $__regionFilter(u.region)
  GROUP BY ALL
)`
}

func costStat(title, description, number, unit string) Panel {
	return stat(title, description, "none", unit, table(`WITH `+costs("")+`
SELECT `+number+` AS value
FROM costs`))
}

func costChange() Panel {
	return stat("Change",
		"The cost of the range against as much time before it, by whole hours up to three days, else by whole days. Without logs of the time before there is nothing to compare with. "+listPrice,
		"no past", "percentunit", table(`WITH past AS (
  SELECT u.hour >= $__timeFrom() AS is_now, u.price_tier, u.call_count
  FROM usage_hourly AS u
  WHERE $__timeTo() - $__timeFrom() <= INTERVAL 73 HOUR
    AND u.hour >= $__timeFrom() - ($__timeTo() - $__timeFrom()) AND u.hour < $__timeTo()
    AND $__accountFilter(u.paying_account_id) AND $__regionFilter(u.region) AND $__adhocFilters(u)
  UNION ALL
  SELECT CAST(u.day AS TIMESTAMP) >= $__timeFrom() AS is_now, u.price_tier, u.call_count
  FROM usage_daily AS u
  WHERE $__timeTo() - $__timeFrom() > INTERVAL 73 HOUR
    AND u.day >= CAST($__timeFrom() - ($__timeTo() - $__timeFrom()) AS DATE) AND u.day < CAST($__timeTo() AS DATE)
    AND $__accountFilter(u.paying_account_id) AND $__regionFilter(u.region) AND $__adhocFilters(u)
)
SELECT sum(call_count * usd_per_10000) FILTER (is_now) / nullif(sum(call_count * usd_per_10000) FILTER (NOT is_now), 0) - 1 AS value
FROM past
JOIN prices ON prices.price_tier = past.price_tier`)).decimals(0).colours(blue, 0.5, orange).says("change of the cost")
}

func costBars(title, description, by string, w, h int) Panel {
	return bars(title, description, noCost, w, h, series(`WITH `+costs("$__timeGroup(u.time, auto(1h), zero) AS time")+`,
named AS (
  SELECT c.time, `+by+` AS name, sum(c.usd) AS usd
  FROM costs AS c
  LEFT JOIN accounts AS a ON a.account_id = c.account_id
  GROUP BY ALL
),
largest AS (SELECT name FROM named GROUP BY name ORDER BY sum(usd) DESC, name LIMIT 8)
SELECT named.time, coalesce(largest.name, 'other') AS name, sum(named.usd) AS usd
FROM named
LEFT JOIN largest ON largest.name = named.name
GROUP BY ALL
ORDER BY named.time`, "{{name}}")).unit("currencyUSD")
}

func costlyKeys() Panel {
	return grid("Keys that cost most",
		"The requests of which keys cost most, whoever pays. A key leads to who calls it and how often: caching of data keys and S3 Bucket Keys make it cheaper. "+listPrice,
		noCost, 12, 10, table(`WITH `+costs("u.key_arn, u.key_account_id")+`
SELECT
  `+keyName("c.key_arn")+` AS key_name,
  c.key_arn,
  `+accountName("a", "c.key_account_id")+` AS owner_name,
  c.key_account_id,
  arg_max(c.service, c.usd) AS most_by,
  sum(c.requests) AS request_count,
  sum(c.usd) AS cost_usd,
  sum(c.usd) / nullif(sum(sum(c.usd)) OVER (), 0) AS cost_share
FROM costs AS c
LEFT JOIN key_names AS k ON k.key_arn = c.key_arn
LEFT JOIN accounts AS a ON a.account_id = c.key_account_id
GROUP BY k.aliases, c.key_arn, a.account_name, c.key_account_id
ORDER BY cost_usd DESC, c.key_arn
LIMIT 100`)).hide("key_arn", "key_account_id").costColumns().
		field("key_name", called("Key"), leads(toKey())).
		field("owner_name", called("Owner"), leads(toAccount("key_account_id"))).
		field("most_by", called("Most by")).
		widths("owner_name", 140, "most_by", 120)
}

func costlyCallers() Panel {
	return grid("Callers that cost most",
		"Whose requests cost most, with the account that pays. A caller leads to all it did with KMS. "+listPrice,
		noCost, 12, 10, table(`WITH `+costs("u.caller_id, u.principal_arn")+`
SELECT
  `+principalName("max(c.principal_arn)", "c.caller_id")+` AS caller_name,
  max(c.principal_arn) AS principal_arn,
  `+accountName("a", "c.account_id")+` AS payer_name,
  c.account_id,
  arg_max(c.service, c.usd) AS most_by,
  sum(c.requests) AS request_count,
  sum(c.usd) AS cost_usd,
  sum(c.usd) / nullif(sum(sum(c.usd)) OVER (), 0) AS cost_share
FROM costs AS c
LEFT JOIN accounts AS a ON a.account_id = c.account_id
GROUP BY c.caller_id, a.account_name, c.account_id
ORDER BY cost_usd DESC, c.caller_id
LIMIT 100`)).hide("principal_arn", "account_id").costColumns().
		field("caller_name", called("Caller"), leads(toPrincipal("principal_arn"))).
		field("payer_name", called("Pays"), leads(toAccount("account_id"))).
		field("most_by", called("Most by")).
		widths("payer_name", 140, "most_by", 120)
}

// costColumns show requests, dollars and their share.
func (p Panel) costColumns() Panel {
	return p.field("cost_usd", called("Cost"), unit("currencyUSD"), width(90)).
		field("request_count", width(90)).
		field("cost_share", called("Share"), unit("percentunit"), whole(), cellGauge(), width(150),
			Property{ID: "min", Value: 0}, Property{ID: "max", Value: 1}, coloured(blue))
}

// bucketKeys reads the encryption contexts of S3: with a Bucket Key they name the
// bucket, without one the object.
func bucketKeys() Panel {
	return grid("S3 Bucket Keys"+lately,
		"The calls of S3 by bucket, "+latelyOf+". With a Bucket Key the encryption context names the bucket, without one the object: off means that all calls name objects, partly that some do, such as for objects from before. Switch Bucket Keys on in the bucket's default encryption and copy the objects onto themselves. What that would save assumes that one call per caller, key and five minutes stays, at list price; DSSE-KMS has no Bucket Keys.",
		"S3 made no calls with an encryption context "+latelyNone+".",
		24, 11, table(`WITH s3 AS (
  SELECT
    coalesce(e.caller_account_id, e.recipient_account_id) AS account_id,
    regexp_extract(e.encryption_context['aws:s3:arn'], '^arn:[^:]*:s3:::([^/]+)', 1) AS bucket,
    contains(e.encryption_context['aws:s3:arn'], '/') AS names_object,
    e.key_arn,
    e.price_tier,
    coalesce(e.principal_arn, e.principal_id) AS caller,
    time_bucket(INTERVAL 5 MINUTE, e.event_time) AS slot
  FROM kms_events AS e
  WHERE `+late("e.event_time", "u.service = 's3' AND $__accountFilter(u.paying_account_id) AND $__regionFilter(u.region)")+`
    AND e.service = 's3' AND e.record_copy IN ('single', 'caller') AND $__accountFilter(coalesce(e.caller_account_id, e.recipient_account_id))
    AND $__regionFilter(e.region) AND $__adhocFilters(e)
),
slots AS (
  SELECT account_id, bucket, key_arn, price_tier, caller, slot, count(*) AS calls, count(*) FILTER (names_object) AS object_calls
  FROM s3
  WHERE bucket <> ''
  GROUP BY ALL
),
buckets AS (
  SELECT
    account_id, bucket, key_arn, any_value(price_tier) AS price_tier,
    count(DISTINCT caller) AS caller_count,
    sum(calls) AS calls,
    sum(object_calls) AS object_calls,
    coalesce(sum(object_calls - 1) FILTER (object_calls > 0), 0) AS saved
  FROM slots
  GROUP BY account_id, bucket, key_arn
  ORDER BY object_calls DESC, bucket, key_arn
  LIMIT 200
)
SELECT
  CASE WHEN b.object_calls = 0 THEN 'on' WHEN b.object_calls = b.calls THEN 'off' ELSE 'partly' END AS bucket_key,
  b.bucket,
  `+accountName("a", "b.account_id")+` AS account_name,
  b.account_id,
  `+keyName("b.key_arn")+` AS key_name,
  b.key_arn,
  b.caller_count,
  b.calls AS call_count,
  b.object_calls,
  b.object_calls / b.calls AS object_share,
  b.saved AS saved_calls,
  b.saved / b.calls AS saved_share,
  b.saved * 30 * p.usd_per_10000 / 1e4 AS saved_usd
FROM buckets AS b
LEFT JOIN prices AS p ON p.price_tier = b.price_tier
LEFT JOIN key_names AS k ON k.key_arn = b.key_arn
LEFT JOIN accounts AS a ON a.account_id = b.account_id
ORDER BY b.object_calls DESC, b.bucket, b.key_arn`)).hide("account_id", "key_arn").
		field("bucket_key", append(marked("off", palette.Orange, "partly", palette.Yellow, "on", palette.Green), called("Bucket Key"))...).
		field("bucket", called("Bucket")).
		field("account_name", called("Account"), leads(toAccount("account_id"))).
		field("key_name", called("Key"), leads(toKey())).
		field("caller_count", called("Callers")).
		field("object_calls", called("Name an object"), unit("short")).
		field("object_share", called("Share"), unit("percentunit"), whole()).
		field("saved_calls", called("Could be saved"), unit("short")).
		field("saved_share", called("Of all"), unit("percentunit"), whole()).
		field("saved_usd", called("In 30 days"), unit("currencyUSD")).
		widths("bucket_key", 110, "account_name", 150, "key_name", 220, "caller_count", 90, "call_count", 80, "object_calls", 130, "object_share", 80,
			"saved_calls", 130, "saved_share", 80, "saved_usd", 110)
}

func priceTable() Panel {
	return grid("Prices",
		"The list prices that the estimates use, of US Regions. Regions elsewhere differ by a little.",
		"The store has no prices.", 24, 7, table(`SELECT price_tier, usd_per_10000, as_of
FROM prices
ORDER BY usd_per_10000 DESC`)).
		field("price_tier", called("Price class"), width(200)).field("usd_per_10000", called("USD per 10,000 requests"), width(240)).field("as_of", called("As of"))
}
