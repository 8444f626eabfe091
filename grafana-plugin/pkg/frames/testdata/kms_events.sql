-- Records of each kind of outcome and caller, from the sample data.
select *
from kms_events
where event_name not like 'Generate%'
qualify row_number() over (partition by error_class, caller_type order by event_time, event_id) = 1
order by event_time, event_id
