WITH points AS (
  SELECT
    $__timeGroupAlias(event_time, 1d),
    event_name,
    count(*) AS call_count
  FROM kms_calls
  WHERE $__timeFilter(event_time)
    AND $__adhocFilters()
  GROUP BY ALL
),
largest AS (
  SELECT event_name
  FROM points
  GROUP BY ALL
  ORDER BY sum(call_count) DESC, event_name
  LIMIT 20
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON points.event_name IS NOT DISTINCT FROM largest.event_name
ORDER BY "time", event_name
