/** Words of DuckDB's SQL in lower case, for colours. */
export const keywordSet: ReadonlySet<string> = new Set(
  `with recursive materialized select distinct from where group by having qualify window order limit offset union except
  intersect all as and or not in like ilike glob between is null on using join left right full inner outer cross asof
  natural lateral semi anti positional case when then else end asc desc nulls over partition filter exists interval
  timestamp date true false rows range unbounded preceding following current row cast try_cast any some escape similar to
  values pivot unpivot tablesample within exclude replace`.split(/\s+/)
);
