package sqllint

import "strings"

// Function is one that both engines have with the same meaning, as its cases
// in testdata/functions.txt show on both.
type Function struct {
	Name string
	// Min and Max are how many arguments it may have.
	Min, Max int
	// Note says how to write it where the engines differ otherwise; a rule
	// holds it unless the note says that none can.
	Note string
}

// Macros of package schema supply what DuckDB lacks or means in another way.
var functions = []Function{
	{"count", 0, 1, ""},
	{"sum", 1, 1, "DuckDB gives whole numbers 128 bits: cast the outermost to bigint"},
	{"min", 1, 1, ""},
	{"max", 1, 1, "NaN is the largest number in DuckDB only; no rule sees it"},
	{"avg", 1, 1, ""},
	{"min_by", 2, 2, "with filter (where x is not null); which of several with the same y is not said"},
	{"max_by", 2, 2, "with filter (where x is not null); which of several with the same y is not said"},
	{"array_agg", 1, 1, "with order by inside; NULL when there is no row"},
	{"bool_or", 1, 1, "NULL when there is no row"},
	{"bool_and", 1, 1, "NULL when there is no row"},
	{"stddev_pop", 1, 1, ""},
	{"row_number", 0, 0, "over (… order by …), by all that tells the rows apart"},
	{"rank", 0, 0, "over (… order by …)"},
	{"dense_rank", 0, 0, "over (… order by …)"},
	{"lag", 1, 3, "over (… order by …)"},
	{"lead", 1, 3, "over (… order by …)"},
	{"first_value", 1, 1, "over (… order by …)"},
	{"last_value", 1, 1, "over (… order by …); without a frame the last is the current row"},
	{"ntile", 1, 1, "over (… order by …)"},
	{"coalesce", 1, 99, ""},
	{"nullif", 2, 2, ""},
	{"cast", 1, 1, "to the types below"},
	{"abs", 1, 1, ""},
	{"ceil", 1, 1, "of a double; of a whole number DuckDB gives a double, which no rule sees"},
	{"floor", 1, 1, "of a double; of a whole number DuckDB gives a double, which no rule sees"},
	{"round", 1, 2, "halves go away from zero"},
	{"mod", 2, 2, "the divisor is a number or nullif(x, 0)"},
	{"power", 2, 2, ""},
	{"sqrt", 1, 1, "of a number, abs(x) or case when x >= 0 then x end"},
	{"ln", 1, 1, "of a number or case when x > 0 then x end"},
	{"exp", 1, 1, ""},
	{"lower", 1, 1, ""},
	{"trim", 2, 2, "with the characters: trim(s, ' ')"},
	{"ltrim", 2, 2, "with the characters: ltrim(s, ' ')"},
	{"rtrim", 2, 2, "with the characters: rtrim(s, ' ')"},
	{"length", 1, 1, "of text, in code points"},
	{"substr", 2, 3, "positions begin at 1, or at -1 from the end; a length below 0 is '' in Trino only, which no rule sees"},
	{"replace", 3, 3, "what to replace is not empty"},
	{"split_part", 3, 3, "parts count from 1; NULL when there is none"},
	{"strpos", 2, 2, "0 when there is none"},
	{"lpad", 3, 3, "longer text is cut"},
	{"rpad", 3, 3, "longer text is cut"},
	{"starts_with", 2, 2, ""},
	{"regexp_like", 2, 2, "finds anywhere; the pattern is a literal in what RE2 and Joni share, \\z for the end"},
	{"date_trunc", 2, 2, "of a timestamp, to second, minute, hour, day, week, month, quarter or year; a date gives a timestamp in DuckDB, and a rule sees that of columns called day"},
	{"extract", 1, 1, "year, quarter, month, week, day, doy, hour, minute or second from t"},
	{"to_unixtime", 1, 1, "seconds, a double"},
	{"day_of_week", 1, 1, "Monday is 1, Sunday is 7"},
	{"element_at", 2, 2, "positions begin at 1, or at -1 from the end; NULL when there is none"},
	{"map_keys", 1, 1, ""},
	{"unnest", 1, 1, "in from only: cross join unnest(x) as t (y); no rows for NULL"},
}

// types are those that a cast may name.
var types = []Function{
	{Name: "varchar", Note: "of text, whole numbers, booleans and dates"},
	{Name: "bigint", Note: "of a double: cast(round(x) as bigint)"},
	{Name: "integer", Note: "of a double: cast(round(x) as integer)"},
	{Name: "double"},
	{Name: "boolean"},
	{Name: "date"},
	{Name: "timestamp", Note: "of a date or NULL: Trino cuts to milliseconds"},
	{Name: "timestamp(6)"},
	{Name: "map(varchar, varchar)"},
}

// instead names the portable form for functions that are refused.
var instead = map[string]string{
	"greatest":          "NULL means different things: write case when a > b then a else b end",
	"least":             "NULL means different things: write case when a < b then a else b end",
	"date_diff":         "boundaries in DuckDB, whole units in Trino: write to_unixtime(b) - to_unixtime(a)",
	"datediff":          "boundaries in DuckDB, whole units in Trino: write to_unixtime(b) - to_unixtime(a)",
	"date_sub":          "write to_unixtime(b) - to_unixtime(a)",
	"date_part":         "write extract(unit from t)",
	"date_add":          "use a parameter of type days, or t + interval '1' day",
	"dayofweek":         "Sunday is 0 or 7: write day_of_week(t)",
	"concat":            "NULL means different things: write a || b",
	"concat_ws":         "write a || b",
	"list":              "write array_agg(x order by x)",
	"string_agg":        "write array_agg(x order by x)",
	"listagg":           "write array_agg(x order by x)",
	"group_concat":      "write array_agg(x order by x)",
	"array_distinct":    "DuckDB sorts and drops NULL: write array_agg(distinct x order by x)",
	"arg_max":           "write max_by(x, y)",
	"arg_min":           "write min_by(x, y)",
	"any_value":         "write min(x), which does not depend on the order of rows",
	"arbitrary":         "write min(x), which does not depend on the order of rows",
	"first":             "write min_by(x, y)",
	"last":              "write max_by(x, y)",
	"count_if":          "NULL or 0 when there is no row: write count(case when x then 1 end)",
	"approx_percentile": "each engine approximates in its own way: take the row whose row_number() is ceil(fraction * count(*))",
	"approx_quantile":   "each engine approximates in its own way: take the row whose row_number() is ceil(fraction * count(*))",
	"median":            "take the row whose row_number() is ceil(0.5e0 * count(*))",
	"mode":              "count, and take the row whose row_number() is 1",
	"cardinality":       "DuckDB knows it for maps only: count the rows of unnest",
	"len":               "write length(s)",
	"upper":             "ß and others differ: write lower(s)",
	"reverse":           "DuckDB keeps what looks like one character together: the last part is split_part(s, '/', length(s) - length(replace(s, '/', '')) + 1)",
	"left":              "write substr(s, 1, n)",
	"right":             "write substr(s, -n)",
	"repeat":            "text in DuckDB, an array in Trino: write rpad('', n * length(s), s)",
	"ends_with":         "write s like '%end'",
	"try_cast":          "DuckDB takes 1.5, 1e2 and 1_000 for whole numbers: write cast(case when regexp_like(s, '^[0-9]{1,18}\\z') then s end as bigint)",
	"try":               "write case when … then … end",
	"ifnull":            "write coalesce(a, b)",
	"nvl":               "write coalesce(a, b)",
	"if":                "write case when … then … end",
	"iff":               "write case when … then … end",
	"regexp_matches":    "write regexp_like(s, pattern)",
	"strftime":          "times are formatted outside of SQL",
	"date_format":       "times are formatted outside of SQL",
	"format":            "text is formatted outside of SQL",
	"printf":            "text is formatted outside of SQL",
	"epoch":             "write to_unixtime(t)",
	"list_contains":     "write x in (…) or a join with unnest",
	"contains":          "write strpos(s, part) > 0",
	"instr":             "write strpos(s, part)",
	"position":          "write strpos(s, part)",
	"substring":         "write substr(s, start, length)",
	"isodow":            "write day_of_week(t)",
	"generate_series":   "join with the rows there are",
	"range":             "join with the rows there are",
	"sequence":          "join with the rows there are",
	"map_values":        "write element_at(m, k) for the keys that map_keys gives",
	"md5":               "hashes are made outside of SQL",
	"hash":              "hashes are made outside of SQL",
	"log":               "base 10 in DuckDB: write ln(x) / ln(10), with what ln asks of x",
	"corr":              "the last digit differs: work it out from sums",
	"struct_pack":       "structs are not portable: return columns",
	"row":               "structs are not portable: return columns",
	"grouping":          "write a union all of two queries",
}

// clocks make a result depend on when, or how often, it is asked for.
var clocks = strings.Fields(`
	now today current_date current_time current_timestamp localtime localtimestamp get_current_timestamp
	get_current_time transaction_timestamp clock_timestamp random rand uuid gen_random_uuid setseed shuffle nextval`)

// beforeParenthesis are the words that may stand before a parenthesis without
// being a function.
var beforeParenthesis = strings.Fields(`
	in and or not on when then else case where having select from join by as over filter exists any all some
	values union except intersect between like with distinct using limit is interval array end partition rows
	recursive materialized within group order lateral decimal varchar timestamp bigint integer double boolean map offset`)

// refusedWords are keywords outside of the shared subset.
var refusedWords = map[string]string{
	"qualify":      "put the window function into a CTE and filter it in the next",
	"ilike":        "write lower(a) like lower(b)",
	"glob":         "write like",
	"asof":         "join on the interval: a.t >= b.valid_from and a.t < b.valid_to",
	"semi":         "write where exists (…) or in (…)",
	"anti":         "write where not exists (…)",
	"natural":      "write on a.x = b.x",
	"using":        "write on a.x = b.x; the column is a.x in DuckDB only",
	"pivot":        "write max(case when … end)",
	"unpivot":      "write a union all",
	"exclude":      "name the columns",
	"sample":       "a sample gives another result each time",
	"tablesample":  "a sample gives another result each time",
	"summarize":    "name the columns",
	"positional":   "join on a key",
	"materialized": "write as (…)",
	"fetch":        "write limit n",
	"similar":      "write regexp_like(s, pattern)",
	"pragma":       "a query has no settings",
	"attach":       "a query reads the store only",
	"copy":         "a query reads the store only",
	"dow":          "Sunday is 0 or 7: write day_of_week(t)",
	"isodow":       "write day_of_week(t)",
	"epoch":        "write to_unixtime(t)",
	"json":         "JSON is not portable: use the typed columns",
}

// refusedSymbols are operators outside of the shared subset.
var refusedSymbols = map[string]string{
	"::":  "write cast(x as type)",
	"->":  "lambdas and JSON access are not portable: use unnest or the typed columns",
	"->>": "JSON access is not portable: use the typed columns",
	"//":  "write floor(cast(a as double) / b)",
	"**":  "write power(a, b)",
	"!=":  "write <>",
	"~":   "write regexp_like(s, pattern)",
	"!~":  "write not regexp_like(s, pattern)",
	"~~":  "write like",
	":=":  "name arguments by position",
	"=>":  "name arguments by position",
	"{":   "structs are not portable: return columns",
	"%":   "write mod(a, b)",
	"^":   "write power(a, b)",
	"&":   "bits are not portable: use columns of their own",
	"|":   "bits are not portable: use columns of their own",
	"?":   "name the parameter: $name",
	"@":   "write abs(x)",
}

// reserved are words that one of the engines does not take as a name.
var reserved = strings.Fields(`
	all alter analyse analyze and any array as asc asymmetric between both by case cast check collate column
	constraint create cross cube current_catalog current_date current_path current_role current_schema
	current_time current_timestamp current_user deallocate default deferrable delete desc describe distinct do
	drop else end escape except execute exists extract false fetch for foreign from full group grouping having
	in initially inner insert intersect into is join json_array json_exists json_object json_query json_table
	json_value lambda lateral leading left like limit listagg localtime localtimestamp natural normalize not
	null offset on only or order outer pivot placing prepare primary qualify recursive references returning
	right rollup select show skip some summarize symmetric table then to trailing trim true uescape union
	unique unnest unpivot using values variadic when where window with`)
