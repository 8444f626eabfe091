WITH points AS (
  SELECT
    $__timeGroupAlias(hour, auto(1h)),
    service,
    CAST(is_self AS VARCHAR) AS is_self,
    sum(call_count) AS call_count
  FROM usage_hourly
  WHERE $__timeFilter(hour, 1h)
    AND $__adhocFilters()
  GROUP BY ALL
),
largest AS (
  SELECT service, is_self
  FROM points
  GROUP BY ALL
  ORDER BY sum(call_count) DESC, service, is_self
  LIMIT 20
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON points.service IS NOT DISTINCT FROM largest.service
  AND points.is_self IS NOT DISTINCT FROM largest.is_self
ORDER BY "time", service, is_self
