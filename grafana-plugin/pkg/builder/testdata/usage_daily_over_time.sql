WITH points AS (
  SELECT
    $__timeGroupAlias(CAST(day AS TIMESTAMP), auto(1d)),
    key_account_id,
    sum(call_count) AS call_count
  FROM usage_daily
  WHERE $__dateFilter(day)
    AND $__adhocFilters()
  GROUP BY ALL
),
largest AS (
  SELECT key_account_id
  FROM points
  GROUP BY ALL
  ORDER BY sum(call_count) DESC, key_account_id
  LIMIT 20
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON points.key_account_id IS NOT DISTINCT FROM largest.key_account_id
ORDER BY "time", key_account_id
