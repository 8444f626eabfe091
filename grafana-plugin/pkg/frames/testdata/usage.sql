-- Calls by hour and service in a day, from the sample data: the shape that the
-- query builder makes.
select time_bucket(interval '1 hour', hour) as "time", service, sum(call_count) as call_count, count(distinct key_arn) as key_count
from usage_hourly
where hour >= timestamp '2026-10-05' and hour < timestamp '2026-10-06' and service in ('s3', 'ebs', 'rds', 'lambda')
group by all
order by all
