WITH points AS (
  SELECT
    $__timeGroupAlias(first_seen, 1d),
    severity,
    count(*) AS finding_count
  FROM findings
  WHERE $__timeFilter(first_seen)
    AND $__adhocFilters()
  GROUP BY ALL
),
largest AS (
  SELECT severity
  FROM points
  GROUP BY ALL
  ORDER BY sum(finding_count) DESC, severity
  LIMIT 20
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON points.severity IS NOT DISTINCT FROM largest.severity
ORDER BY "time", severity
