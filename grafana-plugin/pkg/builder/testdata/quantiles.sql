WITH points AS (
  SELECT
    $__timeGroupAlias(minute, auto(1m)),
    account_id,
    quota_name,
    quantile_cont(request_count, 0.95) AS p95_request_count,
    quantile_cont(request_count, 0.5) AS p50_request_count,
    quantile_cont(peak_count, 0.99) AS p99_peak_count,
    avg(peak_count) AS avg_peak_count
  FROM request_rate
  WHERE $__timeFilter(minute, 1m)
    AND near_seconds >= 0
    AND $__adhocFilters()
  GROUP BY ALL
),
largest AS (
  SELECT account_id, quota_name
  FROM points
  GROUP BY ALL
  ORDER BY max(p95_request_count) DESC, account_id, quota_name
  LIMIT 20
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON points.account_id IS NOT DISTINCT FROM largest.account_id
  AND points.quota_name IS NOT DISTINCT FROM largest.quota_name
ORDER BY "time", p95_request_count DESC, account_id, quota_name
