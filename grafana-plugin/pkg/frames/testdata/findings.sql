-- A finding of each detector and severity, from the sample data.
select *
from findings
qualify row_number() over (partition by detector_id, severity order by first_seen, finding_id) = 1
order by first_seen, finding_id
