WITH points AS (
  SELECT
    $__timeGroupAlias(window_start, auto(1d)),
    detector_id,
    avg(duration_ms) AS avg_duration_ms,
    count(*) AS run_count
  FROM detector_runs
  WHERE $__timeFilter(window_start, 1d)
    AND $__adhocFilters()
  GROUP BY ALL
),
largest AS (
  SELECT detector_id
  FROM points
  GROUP BY ALL
  ORDER BY max(avg_duration_ms) DESC, detector_id
  LIMIT 20
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON points.detector_id IS NOT DISTINCT FROM largest.detector_id
ORDER BY "time", detector_id
