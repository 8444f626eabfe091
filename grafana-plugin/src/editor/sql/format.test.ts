import { readFileSync } from 'fs';
import { join } from 'path';

import { format } from './format';
import { snippets } from './snippets';
import { tokenize } from './tokens';

/** What formatting must keep: all but white space and the case of words. */
const meaning = (sql: string) =>
  tokenize(sql)
    .filter((token) => token.kind !== 'space')
    .map((token) => (token.kind === 'word' ? token.text.toLowerCase() : token.text.trimEnd()));

test.each([
  [
    'clauses on lines of their own',
    "select key_arn, count(*) as calls from kms_calls where $__timeFilter(event_time) and error_class = 'a  b' group by 1 order by calls desc limit 10",
    `SELECT key_arn, count(*) AS calls
FROM kms_calls
WHERE $__timeFilter(event_time)
  AND error_class = 'a  b'
GROUP BY 1
ORDER BY calls DESC
LIMIT 10`,
  ],
  [
    'long lists below each other',
    'select a, b, c, d from t',
    `SELECT
  a,
  b,
  c,
  d
FROM t`,
  ],
  [
    'subqueries and joins',
    'with x as (select a from t) select * from x left join y on x.a = y.a and y.b between 1 and 2 where a in (1, 2)',
    `WITH x AS (
  SELECT a
  FROM t
)
SELECT *
FROM x
LEFT JOIN y ON x.a = y.a
  AND y.b BETWEEN 1 AND 2
WHERE a IN (1, 2)`,
  ],
  [
    'comments where they are',
    'select a -- the first\n, b from t -- all of it',
    `SELECT a -- the first
  , b
FROM t -- all of it`,
  ],
  [
    'case and cast',
    "select case when a then 'x' else 'y' end, b::DATE, date '2026-01-01' from t",
    `SELECT CASE WHEN a THEN 'x' ELSE 'y' END, b::DATE, DATE '2026-01-01'\nFROM t`,
  ],
  [
    'names that look like keywords',
    'select t.left, first(a), "from" from t',
    'SELECT t.left, first(a), "from"\nFROM t',
  ],
])('%s', (_, text, expected) => {
  expect(format(text)).toBe(expected);
  expect(format(expected)).toBe(expected);
});

test('what is not finished stays as it is', () => {
  expect(format("select 'abc  from  t")).toBe("select 'abc  from  t");
});

test('the examples of the documentation keep their meaning', () => {
  const doc = readFileSync(join(__dirname, '../../../../docs/sql.md'), 'utf8');
  const examples = [...doc.matchAll(/```sql\n([\s\S]*?)```/g)].map((match) => match[1]);
  expect(examples.length).toBeGreaterThan(5);
  for (const sql of [...examples, ...snippets.map((snippet) => snippet.insert)]) {
    expect(meaning(format(sql))).toEqual(meaning(sql));
    expect(format(format(sql))).toBe(format(sql));
  }
});

test('any text keeps its meaning', () => {
  const pieces = [
    'select',
    'from',
    'where',
    'a',
    'b.c',
    '(',
    ')',
    ',',
    "'x  y'",
    '--c\n',
    '/* c */',
    'and',
    'or',
    'between',
    '1',
    '1.5',
    '-',
    '+',
    '::',
    '->',
    '$__timeFilter',
    '${v}',
    'case',
    'end',
    'join',
    'left',
    'union',
    'all',
    ';',
    '"q"',
    '=',
    '<=',
    '[',
    ']',
    '.',
    '*',
    '\n',
  ];
  let seed = 3;
  const next = () => (seed = (seed * 1103515245 + 12345) % 2147483648);
  for (let round = 0; round < 3000; round++) {
    const spaces = [' ', ' ', ''];
    const sql = Array.from(
      { length: 1 + (next() % 14) },
      () => pieces[(next() >> 8) % pieces.length] + spaces[(next() >> 8) % 3]
    ).join('');
    const once = format(sql);
    expect({ sql, tokens: meaning(once) }).toEqual({ sql, tokens: meaning(sql) });
  }
});
