WITH points AS (
  SELECT
    $__timeGroupAlias(event_time, auto),
    service,
    count(*) AS call_count
  FROM kms_calls
  WHERE $__timeFilter(event_time)
    AND $__keyFilter(key_arn, key)
    AND $__filter(region, region)
    AND $__adhocFilters()
  GROUP BY ALL
),
largest AS (
  SELECT service
  FROM points
  GROUP BY ALL
  ORDER BY sum(call_count) DESC, service
  LIMIT 20
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON points.service IS NOT DISTINCT FROM largest.service
ORDER BY "time", service
