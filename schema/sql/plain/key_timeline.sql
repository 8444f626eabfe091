select *, 'cloudtrail' as source
from key_timeline_logged
