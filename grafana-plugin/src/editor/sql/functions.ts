/** What is said about a function while one writes; names without an entry are offered without words. */
export interface FunctionDoc {
  signature: string;
  doc: string;
}

/** Functions one asks for most in this data. */
export const functionDocs: Readonly<Record<string, FunctionDoc>> = {
  any_value: { signature: 'any_value(x)', doc: 'Some value of the group that is not NULL.' },
  approx_count_distinct: {
    signature: 'approx_count_distinct(x)',
    doc: 'Number of different values, about 2 % off at most, in little memory.',
  },
  approx_quantile: { signature: 'approx_quantile(x, share)', doc: 'Approximate quantile, share from 0 to 1.' },
  arg_max: { signature: 'arg_max(x, by)', doc: 'x of the row with the largest by.' },
  arg_min: { signature: 'arg_min(x, by)', doc: 'x of the row with the smallest by.' },
  array_agg: { signature: 'array_agg(x ORDER BY y)', doc: 'The values of the group as a list.' },
  avg: { signature: 'avg(x)', doc: 'Mean of the values that are not NULL.' },
  bool_or: { signature: 'bool_or(condition)', doc: 'True when the condition holds in some row of the group.' },
  bool_and: { signature: 'bool_and(condition)', doc: 'True when the condition holds in every row of the group.' },
  cardinality: { signature: 'cardinality(map)', doc: 'Number of entries of a map.' },
  coalesce: { signature: 'coalesce(x, y, …)', doc: 'The first argument that is not NULL.' },
  concat_ws: { signature: 'concat_ws(separator, x, …)', doc: 'Texts joined, NULLs left out.' },
  contains: { signature: 'contains(text, part)', doc: 'Whether the text has the part in it.' },
  count: { signature: 'count(*)', doc: 'Number of rows; count(x) leaves rows with NULL out.' },
  count_if: { signature: 'count_if(condition)', doc: 'Number of rows for which the condition holds.' },
  date_diff: {
    signature: "date_diff('day', start, end)",
    doc: 'How often the boundary of a unit lies between two times.',
  },
  date_part: { signature: "date_part('hour', time)", doc: 'A part of a time as number.' },
  date_trunc: { signature: "date_trunc('day', time)", doc: 'Start of the unit that the time lies in, UTC.' },
  epoch: { signature: 'epoch(time)', doc: 'Seconds since 1970-01-01 UTC.' },
  epoch_ms: { signature: 'epoch_ms(time)', doc: 'Milliseconds since 1970-01-01 UTC.' },
  first: { signature: 'first(x ORDER BY y)', doc: 'The first value of the group.' },
  generate_series: {
    signature: 'generate_series(start, stop, step)',
    doc: 'A row, or list element, for each step; stop is among them.',
  },
  greatest: { signature: 'greatest(x, y, …)', doc: 'The largest argument.' },
  if: { signature: 'if(condition, x, y)', doc: 'x when the condition holds, else y.' },
  ifnull: { signature: 'ifnull(x, y)', doc: 'x, or y when x is NULL.' },
  json_extract_string: { signature: "json_extract_string(json, '$.path')", doc: 'A member of JSON text, as text.' },
  lag: { signature: 'lag(x) OVER (ORDER BY y)', doc: 'x of the row before.' },
  last: { signature: 'last(x ORDER BY y)', doc: 'The last value of the group.' },
  lead: { signature: 'lead(x) OVER (ORDER BY y)', doc: 'x of the row after.' },
  least: { signature: 'least(x, y, …)', doc: 'The smallest argument.' },
  length: { signature: 'length(x)', doc: 'Number of characters of a text, or of elements of a list.' },
  list: { signature: 'list(x ORDER BY y)', doc: 'The values of the group as a list.' },
  list_contains: { signature: 'list_contains(list, x)', doc: 'Whether the list has the element.' },
  list_distinct: { signature: 'list_distinct(list)', doc: 'The list without doubles and NULL.' },
  list_sort: { signature: 'list_sort(list)', doc: 'The list in order.' },
  lower: { signature: 'lower(text)', doc: 'The text in lower case.' },
  map_keys: { signature: 'map_keys(map)', doc: 'Keys of a map as a list, such as those of an encryption context.' },
  map_extract_value: { signature: "map_extract_value(map, 'key')", doc: 'The value of a key in a map, or NULL.' },
  map_values: { signature: 'map_values(map)', doc: 'Values of a map as a list.' },
  max: { signature: 'max(x)', doc: 'The largest value.' },
  median: { signature: 'median(x)', doc: 'The value in the middle.' },
  min: { signature: 'min(x)', doc: 'The smallest value.' },
  mode: { signature: 'mode(x)', doc: 'The value that occurs most.' },
  nullif: { signature: 'nullif(x, y)', doc: 'NULL when both are equal, else x.' },
  quantile_cont: {
    signature: 'quantile_cont(x, share)',
    doc: 'Exact quantile, between two values where it has to; share from 0 to 1.',
  },
  rank: { signature: 'rank() OVER (ORDER BY x)', doc: 'Place in the order, equal for equals.' },
  regexp_extract: { signature: "regexp_extract(text, 'pattern', 1)", doc: 'What the pattern, or its group, matched.' },
  regexp_matches: { signature: "regexp_matches(text, 'pattern')", doc: 'Whether the pattern is found in the text.' },
  replace: { signature: 'replace(text, part, by)', doc: 'The text with each part replaced.' },
  round: { signature: 'round(x, digits)', doc: 'The number rounded.' },
  row_number: { signature: 'row_number() OVER (ORDER BY x)', doc: 'Number of the row in the order, from 1.' },
  split_part: {
    signature: "split_part(text, ':', n)",
    doc: 'The n-th part between separators, from 1: of an ARN, 4 is the Region and 5 the account.',
  },
  starts_with: { signature: 'starts_with(text, beginning)', doc: 'Whether the text begins so.' },
  strftime: { signature: "strftime(time, '%Y-%m-%d')", doc: 'A time as text.' },
  string_agg: { signature: "string_agg(x, ', ' ORDER BY y)", doc: 'Texts of the group, joined.' },
  strpos: { signature: 'strpos(text, part)', doc: 'Where the part begins, from 1; 0 when it is not there.' },
  substr: { signature: 'substr(text, start, length)', doc: 'A part of a text, from 1.' },
  sum: { signature: 'sum(x)', doc: 'Sum of the values that are not NULL; NULL when there is none.' },
  time_bucket: {
    signature: "time_bucket(INTERVAL '5 minutes', time)",
    doc: 'Start of the bucket that the time lies in, UTC. $__timeGroup follows the range of the panel.',
  },
  trim: { signature: 'trim(text)', doc: 'The text without space at its ends.' },
  unnest: { signature: 'unnest(list)', doc: 'A row for each element.' },
  upper: { signature: 'upper(text)', doc: 'The text in upper case.' },
};

/** Words of the language that are offered where an expression or a clause can begin. */
export const keywords: readonly string[] =
  `SELECT|FROM|WHERE|GROUP BY|GROUP BY ALL|HAVING|ORDER BY|LIMIT|WITH|AS|AND|OR|NOT|IN|LIKE|ILIKE|BETWEEN|IS NULL|IS NOT NULL|JOIN|LEFT JOIN|ON|USING|UNION ALL|EXCEPT|INTERSECT|DISTINCT|CASE|WHEN|THEN|ELSE|END|ASC|DESC|NULLS LAST|OVER|PARTITION BY|FILTER (WHERE|QUALIFY|EXISTS|INTERVAL|TIMESTAMP|TRUE|FALSE|NULL`.split(
    '|'
  );
