import { vocabulary } from '../testing';
import { complete, type Suggestion } from './complete';
import { hover, signatureAt } from './hover';

/** Completes at the | of a text. */
function at(marked: string) {
  const offset = marked.indexOf('|');
  const text = marked.replace('|', '');
  return { ...complete(text, offset, vocabulary), text };
}

const labels = (suggestions: Suggestion[], kind?: Suggestion['kind']) =>
  suggestions.filter((suggestion) => !kind || suggestion.kind === kind).map((suggestion) => suggestion.label);

const tableNames = ['usage_hourly', 'kms_events', 'accounts'];

describe('tables', () => {
  test.each([
    ['after FROM', 'select * from |'],
    ['while a name is written', 'select * from us|'],
    ['after JOIN', 'select * from kms_events e join |'],
    ['after a comma', 'select * from kms_events e, |'],
    ['in a subquery', 'select * from (select * from |'],
    ['in an IN subquery', 'select * from kms_events where key_arn in (select key_arn from |)'],
  ])('%s', (_, text) => {
    expect(labels(at(text).suggestions)).toEqual(tableNames);
  });

  test('common table expressions come first', () => {
    const { suggestions } = at(
      'with busy as (select key_arn, count(*) as calls from kms_events group by 1) select * from |'
    );
    expect(labels(suggestions)).toEqual(['busy', ...tableNames]);
    expect(suggestions[0].documentation).toBe('key_arn, calls');
  });

  test.each([
    ['a comma of the select list', 'select key_arn, | from kms_events'],
    ['a comma of GROUP BY', 'select 1 from kms_events group by key_arn, |'],
    ['extract(… from …)', 'select extract(hour from |) from kms_events'],
  ])('not after %s', (_, text) => {
    expect(labels(at(text).suggestions, 'table')).toEqual([]);
    expect(labels(at(text).suggestions, 'column')).toContain('event_time');
  });
});

describe('columns', () => {
  test('names of the select list, but not the word that is being written', () => {
    expect(labels(at('select count(*) as calls from accounts order by ca|').suggestions)).toContain('calls');
    expect(labels(at('select approx_quan|').suggestions)).not.toContain('approx_quan');
  });

  test.each([
    ['of an alias', 'select e.| from kms_events e', 'event_time', 'hour'],
    ['of an alias with AS', 'select x.| from kms_events as x join usage_hourly u on true', 'event_time', 'hour'],
    ['of the other alias', 'select u.| from kms_events as x join usage_hourly u on true', 'hour', 'event_time'],
    ['of a table by its name', 'select accounts.acc| from accounts', 'account_name', 'hour'],
    [
      'of a CTE',
      'with b as (select key_arn, sum(call_count) total from usage_hourly) select b.| from b',
      'total',
      'hour',
    ],
    ['of a CTE with names', 'with b(k, n) as (select key_arn, 1 from usage_hourly) select b.| from b', 'n', 'key_arn'],
    ['of a CTE with *', 'with b as (select * from accounts) select b.| from b', 'account_name', 'hour'],
    ['of a subquery', 'select s.| from (select key_arn as arn from usage_hourly) s', 'arn', 'key_arn'],
    [
      'of a subquery with t.*',
      'select s.| from (select e.* from kms_events e, accounts) s',
      'event_time',
      'account_name',
    ],
    ['of time groups', 'select s.| from (select $__timeGroupAlias(hour, auto) from usage_hourly) s', 'time', 'hour'],
    [
      'of an outer query',
      'select 1 from accounts a where exists (select 1 from kms_events where a.|)',
      'account_id',
      'hour',
    ],
  ])('%s', (_, text, there, missing) => {
    const { suggestions } = at(text);
    expect(labels(suggestions)).toContain(there);
    expect(labels(suggestions)).not.toContain(missing);
    expect(new Set(suggestions.map((suggestion) => suggestion.kind))).toEqual(new Set(['column']));
  });

  test('nothing after an unknown qualifier', () => {
    expect(at('select zz.| from kms_events e').suggestions).toEqual([]);
  });

  test('of this part of a UNION only', () => {
    const { suggestions } = at('select account_id from accounts union all select | from kms_events');
    expect(labels(suggestions, 'column')).toContain('event_time');
    expect(labels(suggestions, 'column')).not.toContain('account_name');
  });

  test('of this statement only', () => {
    const { suggestions } = at('select * from accounts; select | from kms_events');
    expect(labels(suggestions, 'column')).not.toContain('account_name');
  });

  test('with aliases of the select list for ORDER BY', () => {
    const { suggestions } = at('select key_arn, count(*) as calls from kms_events group by 1 order by |');
    expect(labels(suggestions)).toEqual(expect.arrayContaining(['calls', 'key_arn', 'count']));
  });

  test('carry type and description', () => {
    const [hour] = at('select u.ho| from usage_hourly u').suggestions;
    expect(hour).toMatchObject({ detail: 'TIMESTAMP · usage_hourly', documentation: 'Start of the hour, UTC.' });
  });

  test('are quoted where they must be', () => {
    const odd = { ...vocabulary.tables[2], columns: [{ name: 'order', type: 'VARCHAR', description: '' }] };
    const found = complete('select t. from accounts t', 9, { ...vocabulary, tables: [odd] });
    expect(found.suggestions[0].insert).toBe('"order"');
  });
});

describe('values', () => {
  test.each([
    ['=', "select * from kms_events where event_name = 'Dec|'", 'kms_events', 'event_name', 'Dec'],
    ['an open string', "select * from kms_events where event_name = 'Dec|", 'kms_events', 'event_name', 'Dec'],
    ['an empty string', "select * from kms_events where event_name = '|'", 'kms_events', 'event_name', ''],
    ['<>', "select * from usage_hourly where region <> '|'", 'usage_hourly', 'region', ''],
    ['an alias', "select * from kms_events e, usage_hourly u where u.region = 'eu|'", 'usage_hourly', 'region', 'eu'],
    [
      'IN, later values',
      "select * from kms_events where error_class in ('denied', '|')",
      'kms_events',
      'error_class',
      '',
    ],
    ['NOT IN', "select * from kms_events where error_class not in ('|')", 'kms_events', 'error_class', ''],
    ['LIKE without its pattern', "select * from kms_events where key_arn like 'arn%|'", 'kms_events', 'key_arn', 'arn'],
    [
      'a column of a CTE',
      "with b as (select region r0, region from usage_hourly) select 1 from b where region = '|'",
      'usage_hourly',
      'region',
      '',
    ],
    ['quotes undoubled', "select * from kms_events where event_name = 'it''s|'", 'kms_events', 'event_name', "it's"],
  ])('after %s', (_, text, table, column, search) => {
    expect(at(text).values).toEqual({ table, column, search });
  });

  test('replace what stands between the quotes', () => {
    const { start, end, text } = at("select * from kms_events where event_name = 'De|crypt' and true");
    expect(text.slice(start, end)).toBe('Decrypt');
  });

  test.each([
    ['a string of no column', "select 'ab|' from kms_events"],
    ['an argument', "select starts_with(key_arn, '|') from kms_events"],
    ['an unknown column', "select * from kms_events where nothing = '|'"],
    ['dollar quotes', 'select * from kms_events where event_name = $$De|$$'],
  ])('not in %s', (_, text) => {
    expect(at(text)).toMatchObject({ suggestions: [] });
    expect(at(text).values).toBeUndefined();
  });

  test('after a closed string an expression goes on', () => {
    expect(labels(at("select * from kms_events where event_name = 'a' |").suggestions)).toContain('AND');
  });
});

describe('nothing', () => {
  test.each([
    ['in a line comment', 'select 1 -- from |'],
    ['in a block comment', 'select /* from | */ 1'],
    ['in a block comment that is open', 'select 1 /* from |'],
    ['in a number', 'select 12|'],
    ['where a name is given', 'select count(*) as | from kms_events'],
  ])('%s', (_, text) => {
    expect(at(text).suggestions).toEqual([]);
    expect(at(text).values).toBeUndefined();
  });

  test('but after a comment all goes on', () => {
    expect(labels(at('-- from here\nselect * from |').suggestions)).toEqual(tableNames);
  });
});

describe('macros', () => {
  test.each(['select $|', 'select $__|', 'select $__time|', 'select * from kms_events where $__t|'])(
    'in %s',
    (text) => {
      const { suggestions, start } = at(text);
      expect(labels(suggestions, 'macro')).toContain('$__timeFilter');
      expect(text[start]).toBe('$');
    }
  );

  test('are snippets whose own dollars are escaped', () => {
    const inserts = Object.fromEntries(at('select $|').suggestions.map(({ label, insert }) => [label, insert]));
    expect(inserts).toMatchObject({
      $__timeFilter: '\\$__timeFilter($1)',
      $__timeFrom: '$__timeFrom()',
      $__interval: '$__interval',
      '${key}': '${key}',
    });
  });

  test('keep the parentheses that are there', () => {
    const { suggestions } = at('select * from kms_events where $__time|(event_time)');
    expect(suggestions.find(({ label }) => label === '$__timeFilter')).toMatchObject({
      insert: '$__timeFilter',
      stops: false,
    });
  });

  test.each([
    ['times of a time filter', 'select 1 from usage_hourly where $__timeFilter(|)', ['hour']],
    [
      'intervals of a time group',
      'select $__timeGroup(hour, |) from usage_hourly',
      ['auto', '$__interval', "'1m'", "'5m'", "'1h'", "'1d'"],
    ],
    ['fills of a time group', "select $__timeGroup(hour, '5m', |) from usage_hourly", ['NULL', 'previous', 'zero']],
    ['variables of a filter', 'select 1 from usage_hourly where $__keyFilter(key_arn, |)', ['key', 'account']],
    ['intervals in quotes', "select $__timeGroup(hour, '|') from usage_hourly", ['1m', '5m', '15m', '1h', '6h', '1d']],
    ['aliases of ad hoc filters', 'select 1 from usage_hourly u where $__adhocFilters(|)', ['u']],
    ['nothing after the last argument', 'select 1 from usage_hourly where $__timeFilter(hour, 1h, |)', []],
    ['grains of a time filter', 'select 1 from usage_hourly where $__timeFilter(hour, |)', ['1m', '1h', '1d']],
  ])('offer %s', (_, text, expected) => {
    expect(labels(at(text).suggestions)).toEqual(expected);
  });

  test('offer the key of a key filter before other columns', () => {
    const { suggestions } = at('select 1 from usage_hourly where $__keyFilter(|)');
    const first = suggestions.filter(({ rank }) => rank === 0).map(({ label }) => label);
    expect(first).toEqual(['key_arn']);
  });
});

describe('expressions', () => {
  test('begin with snippets where nothing is written', () => {
    expect(labels(at('|').suggestions, 'snippet').length).toBeGreaterThan(2);
    expect(labels(at('select |').suggestions, 'snippet')).toEqual([]);
  });

  test('offer functions that the server allows, with their signature', () => {
    const functions = at('select |').suggestions.filter(({ kind }) => kind === 'function');
    expect(functions.map(({ label }) => label).sort()).toEqual([
      'count',
      'date_trunc',
      'max',
      'quux',
      'sum',
      'time_bucket',
    ]);
    expect(functions.find(({ label }) => label === 'sum')).toMatchObject({ detail: 'sum(x)', insert: 'sum($1)' });
  });
});

describe('hover', () => {
  const over = (marked: string) => hover(marked.replace('|', ''), marked.indexOf('|'), vocabulary)?.contents.join('\n');
  test.each([
    ['a column', 'select u.ho|ur from usage_hourly u', 'Start of the hour'],
    ['a table', 'select 1 from usage_|hourly', 'One row per hour'],
    ['a function', 'select su|m(call_count) from usage_hourly', 'Sum of the values'],
    ['a macro', 'select 1 from usage_hourly where $__time|Filter(hour)', 'Rows of the range'],
  ])('explains %s', (_, text, words) => {
    expect(over(text)).toContain(words);
  });
  test.each(["select 'usage_|hourly'", 'select 1 -- usage_|hourly', 'select no|thing from accounts'])(
    'not %s',
    (text) => {
      expect(over(text)).toBeUndefined();
    }
  );
});

test.each([
  ['$__timeGroup(hour, ', '$__timeGroup(column, interval[, fill])', 1],
  ['sum(', 'sum(x)', 0],
  ['max(sum(a), ', 'max(x)', 0],
])('signature of %s', (text, label, active) => {
  expect(signatureAt(`select ${text}`, text.length + 7, vocabulary)).toMatchObject({ label, active });
});

test('no signature where nothing is called', () => {
  expect(signatureAt('select (1, ', 11, vocabulary)).toBeUndefined();
  expect(signatureAt('select 1 -- sum(', 16, vocabulary)).toBeUndefined();
});
