WITH points AS (
  SELECT
    CAST(month AS TIMESTAMP) AS "time",
    region,
    sum(call_count) AS call_count
  FROM usage_monthly
  WHERE $__dateFilter(month, month)
    AND $__adhocFilters()
  GROUP BY ALL
),
largest AS (
  SELECT region
  FROM points
  GROUP BY ALL
  ORDER BY sum(call_count) DESC, region
  LIMIT 20
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON points.region IS NOT DISTINCT FROM largest.region
ORDER BY "time", region
