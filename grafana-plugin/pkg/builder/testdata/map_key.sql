WITH points AS (
  SELECT
    $__timeGroupAlias(event_time, 1d),
    encryption_context['aws:s3:arn'] AS "aws:s3:arn",
    count(*) AS call_count
  FROM kms_calls
  WHERE $__timeFilter(event_time)
    AND (encryption_context['aws:s3:arn'] LIKE 'arn:aws:s3:::payments%' OR encryption_context['aws:s3:arn'] LIKE 'arn:aws:s3:::it''s%')
    AND encryption_context IS NOT NULL
    AND $__adhocFilters()
  GROUP BY ALL
),
largest AS (
  SELECT "aws:s3:arn"
  FROM points
  GROUP BY ALL
  ORDER BY sum(call_count) DESC, "aws:s3:arn"
  LIMIT 20
)
SELECT points.*
FROM points
SEMI JOIN largest
  ON points."aws:s3:arn" IS NOT DISTINCT FROM largest."aws:s3:arn"
ORDER BY "time", "aws:s3:arn"
