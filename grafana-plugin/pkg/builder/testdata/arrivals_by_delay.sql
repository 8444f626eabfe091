WITH points AS (
  SELECT
    $__timeGroupAlias(CAST(day AS TIMESTAMP), auto(1d)),
    CAST(delay_minutes AS VARCHAR) AS delay_minutes,
    sum(kms_event_count) AS kms_event_count
  FROM arrivals
  WHERE $__dateFilter(day)
    AND $__adhocFilters()
  GROUP BY ALL
),
largest AS (
  SELECT delay_minutes
  FROM points
  GROUP BY ALL
  ORDER BY sum(kms_event_count) DESC, delay_minutes
  LIMIT 20
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON points.delay_minutes IS NOT DISTINCT FROM largest.delay_minutes
ORDER BY "time", delay_minutes
