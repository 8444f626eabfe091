import { TypedVariableModel } from '@grafana/data';
import { TemplateSrv } from '@grafana/runtime';
import {
  CustomVariable,
  EmbeddedScene,
  LocalValueVariable,
  SceneCanvasText,
  sceneGraph,
  SceneVariableSet,
} from '@grafana/scenes';
import { Resources } from '../resources';
import { ALL, KmsQuery, Preview } from '../types';
import { Template } from './template';
import { applyVariables, preview, resolveVariables, usesVariables } from './variables';

interface Variable {
  name: string;
  value: string | string[];
  /** What somebody gave All in the settings of the variable. */
  allValue?: string;
}

const OPTIONS = 'one,two,three';

/**
 * The variables of a dashboard, read by Grafana's own code; with a repeated
 * panel's when it is one.
 */
function dashboard(variables: Variable[], repeated?: { name: string; value: string }): Template {
  const panel = new SceneCanvasText({
    text: '',
    $variables:
      repeated && new SceneVariableSet({ variables: [new LocalValueVariable({ ...repeated, text: 'text' })] }),
  });
  const set = new SceneVariableSet({
    variables: variables.map(
      ({ name, value, allValue }) =>
        new CustomVariable({
          name,
          query: OPTIONS,
          value,
          text: value,
          allValue,
          isMulti: Array.isArray(value),
          includeAll: true,
          options: OPTIONS.split(',').map((option) => ({ value: option, label: option })),
        })
    ),
  });
  new EmbeddedScene({ $variables: set, body: panel });
  const srv = {
    replace: (text, scoped, format) => sceneGraph.interpolate(panel, text, scoped, format as never),
    getVariables: () =>
      variables.map(({ name, value }) => ({ name, type: 'custom', current: { value } }) as TypedVariableModel),
  } as TemplateSrv;
  return new Template(srv);
}

const query = (part: Partial<KmsQuery>): KmsQuery => ({ refId: 'A', kind: 'sql', ...part });

describe('values of variables', () => {
  it.each<[string, Variable, string[]]>([
    ['one', { name: 'x', value: 'one' }, ['one']],
    ['several', { name: 'x', value: ['one', 'two'] }, ['one', 'two']],
    ['All', { name: 'x', value: ALL }, [ALL]],
    ['All among several', { name: 'x', value: [ALL] }, [ALL]],
    ['All with a text of its own', { name: 'x', value: [ALL], allValue: '.*' }, [ALL]],
    ['every one chosen by hand', { name: 'x', value: ['one', 'two', 'three'] }, ['one', 'two', 'three']],
    ['none', { name: 'x', value: [] }, []],
    ['characters of regular expressions', { name: 'x', value: 'a.b|c{1}\\' }, ['a.b|c{1}\\']],
  ])('%s', (_, variable, want) => {
    expect(dashboard([variable]).values('x')).toEqual(want);
  });

  it('are those of a repeated panel there', () => {
    const template = dashboard([{ name: 'x', value: [ALL] }], { name: 'x', value: 'two' });
    expect(template.values('x')).toEqual(['two']);
  });

  it('of a link or a repeated row come before those of the dashboard', () => {
    const srv = { replace: (text: string, scoped: any, format: any) => format(scoped.x.value), getVariables: () => [] };
    const template = new Template(srv as unknown as TemplateSrv, { x: { value: 'here', text: 'Here' } });
    expect(template.values('x')).toEqual(['here']);
  });

  it('are none where there is no such variable', () => {
    expect(dashboard([]).values('x')).toBeUndefined();
  });
});

describe('applyVariables', () => {
  const template = dashboard([
    { name: 'account', value: [ALL] },
    { name: 'region', value: ['one', 'two'] },
    { name: 'team', value: "O'Brien" },
    { name: 'unused', value: 'one' },
  ]);

  it('sends the standard variables and those that filter macros name', () => {
    const { sql, variables } = applyVariables(
      query({ sql: 'SELECT * FROM t WHERE $__accountFilter(a) AND $__filter(b, team) AND r IN ($region)' }),
      template
    );
    expect(sql).toBe("SELECT * FROM t WHERE $__accountFilter(a) AND $__filter(b, team) AND r IN ('one','two')");
    expect(variables).toEqual({ account: [ALL], region: ['one', 'two'], team: ["O'Brien"] });
  });

  it('leaves whole variables in filters to the backend, and writes others into the text', () => {
    const filters = [
      { column: 'a', operator: '=' as const, values: ['$team'] },
      { column: 'b', operator: 'like' as const, values: ['%${team}%'] },
      { column: 'c', operator: '=' as const, values: ['US$5', '$nobody'] },
    ];
    const request = applyVariables(query({ kind: 'builder', builder: { table: 't', filters } }), template);
    expect(request.builder?.filters?.map(({ values }) => values)).toEqual([
      ['$team'],
      ["%O'Brien%"],
      ['US$5', '$nobody'],
    ]);
    expect(request.variables).toMatchObject({ team: ["O'Brien"] });
  });

  it('does the same in lists of findings and in parameters', () => {
    expect(
      applyVariables(query({ kind: 'findings', findings: { keys: ['${team}'], limit: 5 } }), template)
    ).toMatchObject({
      findings: { keys: ['${team}'], limit: 5 },
      variables: { team: ["O'Brien"] },
    });
    const named = { id: 'key_users', params: { key_arn: '$team', note: 'x-$team' } };
    expect(applyVariables(query({ kind: 'named', named }), template)).toMatchObject({
      named: { id: 'key_users', params: { key_arn: '$team', note: "x-O'Brien" } },
      variables: { team: ["O'Brien"] },
    });
  });

  it('writes variables into names of series', () => {
    expect(applyVariables(query({ sql: 'SELECT 1', legend: '$team {{a}}' }), template).legend).toBe("O'Brien {{a}}");
  });

  it('does not change what is saved', () => {
    const saved = query({
      kind: 'builder',
      builder: { table: 't', filters: [{ column: 'a', operator: '=', values: ['x$team'] }] },
    });
    const before = JSON.stringify(saved);
    applyVariables(saved, template);
    expect(JSON.stringify(saved)).toBe(before);
  });

  it('sends nothing where there are no variables', () => {
    expect(applyVariables(query({ sql: 'SELECT $__accountFilter(a)' }), dashboard([]))).not.toHaveProperty('variables');
  });
});

describe('resolveVariables', () => {
  const template = dashboard([
    { name: 'account', value: [ALL] },
    { name: 'region', value: ['one', 'two'] },
  ]);

  it('puts values in place of variables, and drops filters by All', () => {
    const filters = [
      { column: 'a', operator: 'in' as const, values: ['$account'] },
      { column: 'r', operator: 'in' as const, values: ['$region', 'x'] },
      { column: 'n', operator: 'is null' as const },
    ];
    expect(resolveVariables(query({ kind: 'builder', builder: { table: 't', filters } }), template).builder).toEqual({
      table: 't',
      filters: [
        { column: 'r', operator: 'in', values: ['one', 'two', 'x'] },
        { column: 'n', operator: 'is null' },
      ],
    });
    expect(
      resolveVariables(
        query({ kind: 'findings', findings: { regions: ['$region'], accounts: ['$account'] } }),
        template
      )
    ).toMatchObject({
      findings: { regions: ['one', 'two'], accounts: [] },
    });
  });

  it('keeps the values that filter macros need', () => {
    expect(resolveVariables(query({ sql: '$__regionFilter(r)' }), template).variables).toEqual({
      account: [ALL],
      region: ['one', 'two'],
    });
  });
});

test('usesVariables', () => {
  const template = dashboard([
    { name: 'team', value: 'one' },
    { name: 'account', value: 'one' },
  ]);
  const uses = (part: Partial<KmsQuery>) => usesVariables(query(part), template);
  expect(uses({ sql: 'SELECT $team' })).toBe(true);
  expect(uses({ sql: '$__filter(a, team)' })).toBe(true);
  expect(uses({ sql: '$__timeFilter(t)' })).toBe(false);
  expect(uses({ kind: 'findings', findings: { keys: ['$team'] }, sql: '' })).toBe(true);
  expect(uses({ kind: 'findings', findings: {}, sql: 'SELECT $team' })).toBe(false);
});

describe('preview', () => {
  const template = dashboard([{ name: 'team', value: 'a long value' }]);
  const request = (sql: string) => ({ query: query({ sql }), from: 0, to: 1, intervalMs: 1, maxDataPoints: 1 });

  /** Answers with an error at a part of the statement as it was sent. */
  const failingAt = (part: string) =>
    ({
      preview: async ({ query: { sql } }: { query: KmsQuery }): Promise<Preview> => {
        const before = sql!.slice(0, sql!.indexOf(part)).split('\n');
        const column = [...before[before.length - 1]].length + 1;
        return {
          sql: sql!,
          expanded: sql!,
          notices: [],
          error: { message: 'no', line: before.length, column, endColumn: column + part.length },
        };
      },
    }) as unknown as Resources;

  it.each([
    ['SELECT $team, bad', 'bad'],
    ["SELECT '🔑', $team,\n  '$team', bad, x", 'bad'],
    ["SELECT '🔑', bad", 'bad'],
  ])('%s', async (sql, part) => {
    const { error, sql: shown } = await preview(failingAt(part), request(sql), template);
    expect(shown).toBe(sql);
    const line = sql.split('\n')[error!.line - 1];
    expect(line.slice(error!.column - 1, error!.endColumn - 1)).toBe(part);
  });
});
