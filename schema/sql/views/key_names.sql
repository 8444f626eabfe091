-- key_names: One row per KMS key that the logs name or an inventory saw: what people call it. For joins that need no more of the table keys than that.
--
-- key_arn VARCHAR: The key.
-- aliases VARCHAR: Aliases it has now, comma-joined, at most three; NULL when none is known.

select key_arn, aliases
from keys
