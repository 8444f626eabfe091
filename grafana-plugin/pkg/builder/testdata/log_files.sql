WITH points AS (
  SELECT
    $__timeGroupAlias(delivered_at, 1h),
    status,
    count(*) AS log_file_count,
    sum(size_bytes) AS size_bytes
  FROM log_files
  WHERE $__timeFilter(delivered_at)
    AND $__adhocFilters()
  GROUP BY ALL
),
largest AS (
  SELECT status
  FROM points
  GROUP BY ALL
  ORDER BY sum(log_file_count) DESC, status
  LIMIT 20
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON points.status IS NOT DISTINCT FROM largest.status
ORDER BY "time", status
