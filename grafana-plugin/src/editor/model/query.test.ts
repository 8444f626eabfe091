import { CoreApp } from '@grafana/data';

import type { KmsQuery } from '../../types';
import { defaultQuery, incomplete, normalise, prune, withKind } from './query';
import { templates, withTemplate } from './templates';

const refId = 'A';

describe('normalise', () => {
  test.each<[string, object, object]>([
    ['a new query', {}, defaultQuery()],
    ['SQL of another datasource', { rawSql: 'select 1', editorMode: 'code' }, { kind: 'sql', sql: 'select 1' }],
    [
      'an unknown kind with a known part',
      { kind: 'x', named: { id: 'coverage' } },
      { kind: 'named', named: { id: 'coverage', params: {} } },
    ],
    ['wrong types', { kind: 'sql', sql: 7, format: 'pie', fill: 3, limit: 'many', legend: {} }, { kind: 'sql' }],
    ['a limit as text', { kind: 'sql', sql: 'x', limit: '10.7' }, { kind: 'sql', sql: 'x', limit: 10 }],
    [
      'a builder with odd members',
      {
        kind: 'builder',
        builder: {
          table: 't',
          time: 'hour',
          metrics: [{ aggregate: 'stddev', column: 'a' }, { aggregate: 'sum', column: 'b', alias: '' }, 'x'],
          groupBy: 'a',
          filters: [{ column: 'a', operator: '~~' }, { column: 'b', operator: '=', values: 5 }, { operator: '=' }],
          orderBy: [{}, { column: 'a', descending: 'yes' }],
          limit: -1,
        },
      },
      {
        kind: 'builder',
        builder: {
          table: 't',
          // What is not understood stays, for the backend to refuse: without a filter other rows would come.
          metrics: [
            { aggregate: 'stddev', column: 'a' },
            { aggregate: 'sum', column: 'b' },
          ],
          groupBy: ['a'],
          filters: [
            { column: 'a', operator: '~~' },
            { column: 'b', operator: '=', values: ['5'] },
            { column: '', operator: '=' },
          ],
          orderBy: [{ column: 'a' }],
        },
      },
    ],
    [
      'lists of findings',
      { kind: 'findings', findings: { severities: 'high', keys: [], x: 1, limit: 5 } },
      { kind: 'findings', findings: { severities: ['high'], limit: 5 } },
    ],
    [
      'parameters that are no text',
      { kind: 'named', named: { id: 'q', params: { n: 5, a: ['x', 'y'], z: null } } },
      { kind: 'named', named: { id: 'q', params: { n: '5', a: 'x,y' } } },
    ],
  ])('%s', (_, raw, expected) => {
    expect(normalise({ refId, ...raw } as Partial<KmsQuery>)).toEqual({ refId, ...expected });
  });

  test('what others keep with a query stays', () => {
    const query = normalise({ refId: 'B', hide: true, datasource: { uid: 'x' }, kind: 'lifecycle', later: 1 } as never);
    expect(query).toEqual({ refId: 'B', hide: true, datasource: { uid: 'x' }, kind: 'lifecycle', later: 1 });
  });

  test('what it gives it leaves alone', () => {
    for (const template of templates) {
      const query = { refId, ...template.query };
      expect(normalise(normalise(query))).toEqual(normalise(query));
    }
  });
});

test('SQL is saved with the variables that its macros use', () => {
  const sql = 'select 1 from t where $__keyFilter(key_arn) and $__filter(f(a, b), x) -- $__regionFilter(region)';
  expect(prune({ refId, kind: 'sql', sql }).uses).toEqual(['${key}', '${x}']);
  expect(prune({ refId, kind: 'sql', sql: 'select 1', uses: ['${key}'] })).not.toHaveProperty('uses');
  expect(prune({ refId, kind: 'findings', sql, uses: ['${key}'] })).not.toHaveProperty('uses');
});

test('prune leaves no noise in what is saved', () => {
  const query: KmsQuery = {
    refId,
    kind: 'builder',
    format: 'auto',
    fill: 'none',
    legend: '',
    sql: undefined,
    builder: {
      table: 't',
      time: {},
      metrics: [{ aggregate: 'count', column: undefined }],
      groupBy: [],
      filters: [{ column: 'a', operator: 'is null', values: ['left over'] }],
      orderBy: [{ column: 'a', descending: false }],
    },
    findings: { severities: [] },
    lifecycle: {},
    named: { id: 'q', params: { a: '', b: 'x' } },
    adhoc: [],
    variables: { key: ['x'] },
  };
  const pruned = prune(query);
  expect(JSON.parse(JSON.stringify(pruned))).toEqual(pruned);
  expect(Object.keys(pruned).sort()).toEqual(['builder', 'kind', 'named', 'refId']);
  expect(pruned).toMatchObject({ named: { id: 'q', params: { b: 'x' } } });
  expect(pruned.builder).toEqual({
    table: 't',
    time: {},
    metrics: [{ aggregate: 'count' }],
    filters: [{ column: 'a', operator: 'is null' }],
    orderBy: [{ column: 'a' }],
  });
});

describe('kinds', () => {
  test('keep what the others had', () => {
    const query: KmsQuery = { refId, kind: 'sql', sql: 'select 1', named: { id: 'q', params: {} } };
    const there = withKind(query, 'named');
    expect(withKind(there, 'sql')).toEqual(query);
  });

  test('drop a format that makes no sense', () => {
    expect(withKind({ refId, kind: 'sql', format: 'time_series' }, 'findings').format).toBeUndefined();
    expect(withKind({ refId, kind: 'sql', format: 'table' }, 'findings').format).toBe('table');
  });

  test('alert rules begin with numbers that have labels', () => {
    const query = defaultQuery(CoreApp.UnifiedAlerting);
    expect(query.builder?.groupBy).toEqual(['key_account_id']);
    expect(JSON.stringify(query)).not.toContain('$');
  });
});

describe('incomplete', () => {
  const params = [
    { name: 'key_arn', type: 'varchar', default: null, doc: '', required: true },
    { name: 'max_rows', type: 'integer', default: '10', doc: '' },
  ];
  test.each<[object, string | undefined]>([
    [{ kind: 'sql', sql: ' \n' }, 'Write a statement'],
    [{ kind: 'sql', sql: 'select 1' }, undefined],
    [{ kind: 'builder' }, 'Choose a table'],
    [{ kind: 'builder', builder: { table: 't' } }, undefined],
    [{ kind: 'builder', builder: { table: 't', metrics: [{ aggregate: 'sum' }] } }, 'Choose a column for sum'],
    [{ kind: 'builder', builder: { table: 't', metrics: [{ aggregate: 'count' }] } }, undefined],
    [{ kind: 'builder', builder: { table: 't', time: {} } }, 'Add a number'],
    [
      { kind: 'builder', builder: { table: 't', filters: [{ column: '', operator: '=' }] } },
      'Choose a column for the filter',
    ],
    [
      { kind: 'builder', builder: { table: 't', filters: [{ column: 'a', operator: '=', values: [] }] } },
      'Choose a value for a',
    ],
    [{ kind: 'builder', builder: { table: 't', filters: [{ column: 'a', operator: 'is null' }] } }, undefined],
    [{ kind: 'named', named: { id: '', params: {} } }, 'Choose a query'],
    [{ kind: 'named', named: { id: 'q', params: {} } }, 'Key ARN has to be given'],
    [
      { kind: 'named', named: { id: 'q', params: { key_arn: '$key', max_rows: 'x' } } },
      'Max rows: This has to be a whole number',
    ],
    [{ kind: 'named', named: { id: 'q', params: { key_arn: 'alias/a' } } }, undefined],
    [{ kind: 'findings' }, undefined],
    [{ kind: 'lifecycle' }, undefined],
  ])('%j: %s', (query, why) => {
    const said = incomplete({ refId, ...query } as KmsQuery, params);
    if (why === undefined) {
      expect(said).toBeUndefined();
    } else {
      expect(said).toContain(why);
    }
  });
});

describe('templates', () => {
  test('have ids of their own and words', () => {
    expect(new Set(templates.map((template) => template.id)).size).toBe(templates.length);
    for (const { title, description } of templates) {
      expect(title && description).toBeTruthy();
    }
  });

  test('replace their kind and leave the others', () => {
    const query: KmsQuery = { refId, hide: true, kind: 'sql', sql: 'select 1', format: 'logs', fill: 'zero', limit: 3 };
    const changed = withTemplate(
      query,
      templates.find(({ id }) => id === 'findings')!
    );
    expect(changed).toEqual({
      refId,
      hide: true,
      kind: 'findings',
      sql: 'select 1',
      format: 'table',
      findings: { statuses: ['new', 'in_progress'] },
    });
  });

  test('name a variable only where there is one', () => {
    const raw = templates.find(({ id }) => id === 'raw-events')!;
    const query: KmsQuery = { refId, kind: 'sql' };
    expect(withTemplate(query, raw, { variables: ['key'] }).builder?.filters?.[0].values).toEqual(['$key']);
    const without = withTemplate(query, raw);
    expect(without.builder?.filters?.[0].values).toEqual([]);
    expect(incomplete(without)).toContain('key_arn');
  });

  test('carry a key from one question to the next, and nothing that it does not know', () => {
    const named = [
      {
        id: 'what_breaks',
        title: '',
        description: '',
        grain: '',
        window: true,
        columns: [],
        params: [{ name: 'key_arn', type: 'varchar', default: null, doc: '', required: true }],
      },
    ];
    const breaks = templates.find(({ id }) => id === 'what-breaks')!;
    const query: KmsQuery = {
      refId,
      kind: 'named',
      named: { id: 'event_lookup', params: { key_arn: 'arn:1', max_rows: '5' } },
    };
    expect(withTemplate(query, breaks, { named }).named?.params).toEqual({ key_arn: 'arn:1' });
    expect(withTemplate({ refId, kind: 'sql' }, breaks, { named, variables: ['key'] }).named?.params).toEqual({
      key_arn: '$key',
    });
  });

  test('are not changed by being used', () => {
    const before = JSON.stringify(templates);
    const changed = withTemplate({ refId, kind: 'sql' }, templates[0]);
    changed.builder!.groupBy!.push('x');
    expect(JSON.stringify(templates)).toBe(before);
  });
});
