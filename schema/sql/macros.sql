-- Names that Trino and Athena have and DuckDB lacks or gives another meaning.
-- Views, detectors and queries use them, so that the same text runs on both.
-- Statements end with a semicolon; there is no string with one in it.

-- The value of a map's key, or the n-th element of a list; NULL when missing.
-- DuckDB's own returns a list for a map.
CREATE OR REPLACE MACRO element_at(collection, k) AS collection[k];

CREATE OR REPLACE MACRO regexp_like(string, pattern) AS regexp_matches(string, pattern);

-- The n-th part of a text; NULL when there is none, where DuckDB's own gives
-- an empty text; it is no slower.
CREATE OR REPLACE MACRO split_part(string, delimiter, n) AS string_split(string, delimiter)[n];

-- Seconds since 1970 as a DOUBLE.
CREATE OR REPLACE MACRO to_unixtime(t) AS epoch(t);

-- ISO: Monday is 1, Sunday is 7.
CREATE OR REPLACE MACRO day_of_week(t) AS isodow(t);
