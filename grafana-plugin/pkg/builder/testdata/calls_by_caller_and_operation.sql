WITH points AS (
  SELECT
    $__timeGroupAlias(event_time, 1d),
    principal_arn,
    event_name,
    CAST(mfa AS VARCHAR) AS mfa,
    count(*) AS calls,
    count(DISTINCT key_arn) AS keys
  FROM kms_calls
  WHERE $__timeFilter(event_time)
    AND $__adhocFilters()
  GROUP BY ALL
),
largest AS (
  SELECT principal_arn, event_name, mfa
  FROM points
  GROUP BY ALL
  ORDER BY sum(calls) DESC, principal_arn, event_name, mfa
  LIMIT 5
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON points.principal_arn IS NOT DISTINCT FROM largest.principal_arn
  AND points.event_name IS NOT DISTINCT FROM largest.event_name
  AND points.mfa IS NOT DISTINCT FROM largest.mfa
ORDER BY "time", principal_arn, event_name, mfa
