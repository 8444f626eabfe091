import { filterNames, macroVariables, interpolateSql } from './interpolate';
import { Reference } from './template';

const VARIABLES: Record<string, string[]> = {
  account: ['111122223333'],
  region: ['eu-west-1', 'us-east-1'],
  quote: ["O'Brien"],
  hostile: ["'; DROP TABLE keys; --\n*/ $account $$"],
  slash: ["\\' OR true --"],
  double: ['a"b'],
  column: ['event_name'],
  empty: [],
  interval: ['5m'],
  __from: ['1767225600000'],
};

const FORMATS: Record<string, (values: string[]) => string> = {
  raw: (values) => values.join(','),
  pipe: (values) => values.join('|'),
};

/** Stands for Grafana: knows the variables above and two formats. */
function write(reference: Reference, values: (values: string[]) => string): string | undefined {
  const known = VARIABLES[reference.name];
  return known && (FORMATS[reference.format] ?? values)(known);
}

const interpolate = (sql: string) => interpolateSql(sql, write).sql;

describe('interpolateSql', () => {
  it.each([
    ['no variables', 'SELECT 1', 'SELECT 1'],
    ['a value is a literal', 'a = $account', "a = '111122223333'"],
    ['braces', 'a = ${account}', "a = '111122223333'"],
    ['several values are a list', 'a IN (${region})', "a IN ('eu-west-1','us-east-1')"],
    ['quotes are doubled', 'a = $quote', "a = 'O''Brien'"],
    ['no value equals nothing', 'a IN ($empty)', 'a IN (NULL)'],
    ['a literal that is a variable is its values', "a IN ('$region')", "a IN ('eu-west-1','us-east-1')"],
    ['in the later part of an escaped literal', "E'a'\n'it\\'s $slash'", "E'a'\n'it\\'s \\\\'' OR true --'"],
    ['as the later part of one', "E'a'\n'$slash'", "E'a'\n'\\\\'' OR true --'"],
    ['within a literal', "a LIKE '%$quote%'", "a LIKE '%O''Brien%'"],
    ['several values within a literal', "a = '<${region}>'", "a = '<eu-west-1,us-east-1>'"],
    ['within a literal with escapes', "a = E'%$slash'", "a = E'%\\\\'' OR true --'"],
    ['within a quoted name', 'SELECT "$double"', 'SELECT "a""b"'],
    ['a format is taken at its word', 'SELECT ${column:raw}', 'SELECT event_name'],
    ['a format within a literal', "a ~ '${quote:pipe}'", "a ~ 'O''Brien'"],
    ['line comments are left alone', 'SELECT 1 -- $hostile', 'SELECT 1 -- $hostile'],
    ['block comments are left alone', 'SELECT /* $hostile */ 1', 'SELECT /* $hostile */ 1'],
    ['dollar quotes are left alone', 'SELECT $$ $hostile $$', 'SELECT $$ $hostile $$'],
    ['unfinished literals are left alone', "SELECT 'a $quote", "SELECT 'a $quote"],
    ['lists in lists are no variables', 'SELECT [[account]]', 'SELECT [[account]]'],
    ['parameters are no variables', 'SELECT $1', 'SELECT $1'],
    ['unknown variables stay', 'SELECT $nobody', 'SELECT $nobody'],
    ['policy variables in text stay', "a = '${aws:username}'", "a = '${aws:username}'"],
    ['macros stay', '$__timeFilter(event_time)', '$__timeFilter(event_time)'],
    ["Grafana's own numbers", 'epoch_ms(${__from})', 'epoch_ms(1767225600000)'],
    ['filter macros get names', '$__accountFilter(a, $account)', '$__accountFilter(a, $account)'],
    ['filter macros with quotes', "$__filter(f(a, '$region'), 'region')", "$__filter(f(a, '$region'), 'region')"],
    ['after a filter macro', '$__filter(a, region) = $account', "$__filter(a, region) = '111122223333'"],
    ['other macros get values', '$__timeGroup(t, $interval)', "$__timeGroup(t, '5m')"],
    ['other macros with quotes', "$__timeGroup(t, '$interval')", "$__timeGroup(t, '5m')"],
    ['a hostile value stays one value', 'a = $hostile', "a = '''; DROP TABLE keys; --\n*/ $account $$'"],
    ['values are not read again', "a = '%$hostile'", "a = '%''; DROP TABLE keys; --\n*/ $account $$'"],
  ])('%s', (_, sql, want) => {
    expect(interpolate(sql)).toBe(want);
  });

  it('knows the place in the text as typed', () => {
    const sql = 'SELECT $account, $quote, x';
    const { sql: sent, typed } = interpolateSql(sql, write);
    expect(sent).toBe("SELECT '111122223333', 'O''Brien', x");
    const place = (part: string) => sql.slice(typed(sent.indexOf(part))).slice(0, 6);
    expect(place('SELECT')).toBe('SELECT');
    expect(place("'1111")).toBe('$accou');
    expect(place('2233')).toBe('$accou');
    expect(place("'O''")).toBe('$quote');
    expect(place(', x')).toBe(', x');
    expect(typed(sent.length)).toBe(sql.length);
  });
});

describe('filterNames', () => {
  it.each([
    ['$__filter(region, region)', ['region']],
    ['$__filter(a, $team)', ['a', 'team']],
    ["$__keyFilter(key_arn, '${keys}')", ['key_arn', 'keys']],
    ['-- $__filter(a, team)', []],
    ["'$__filter(a, team)'", []],
    ['$__timeFilter(event_time)', []],
    ['$__filter(a', []],
  ])('%s', (sql, want) => {
    expect(filterNames(sql)).toEqual(want);
  });
});

test.each([
  ['$__accountFilter(account_id)', ['account']],
  ['$__regionFilter(region) and $__principalFilter(principal_arn)', ['principal', 'region']],
  ['$__keyFilter(key_arn, other)', ['other']],
  [`$__keyFilter(key_arn, '\${other}')`, ['other']],
  ["$__filter(service, which, 'not in')", ['which']],
  ["$__filter(coalesce(service, 'a'), which)", ['which']],
  ['$__keyFilter(a) or $__keyFilter(b)', ['key']],
  ['$__timeFilter(hour, grain)', []],
  [`'$__keyFilter(key_arn)' -- $__keyFilter(key_arn)`, []],
  ['$__keyFilter(key_arn', []],
])('macroVariables of %s', (sql, names) => {
  expect(macroVariables(sql)).toEqual(names);
});
