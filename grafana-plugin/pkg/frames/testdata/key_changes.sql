-- A change of each kind, from the sample data.
select *
from key_changes
qualify row_number() over (partition by event_name order by event_time, event_id) = 1
order by event_time, event_id
