WITH points AS (
  SELECT
    $__timeGroupAlias(CAST(day AS TIMESTAMP), auto(1d)),
    state,
    count(*) AS row_count
  FROM coverage
  WHERE $__dateFilter(day)
    AND state IS DISTINCT FROM 'observed'
    AND $__adhocFilters()
  GROUP BY ALL
),
largest AS (
  SELECT state
  FROM points
  GROUP BY ALL
  ORDER BY sum(row_count) DESC, state
  LIMIT 20
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON points.state IS NOT DISTINCT FROM largest.state
ORDER BY "time", state
