SELECT
  $__timeGroupAlias(created_at, 1d),
  count(*) AS grant_count
FROM grants
WHERE $__timeFilter(created_at)
  AND $__adhocFilters()
GROUP BY ALL
ORDER BY "time"
