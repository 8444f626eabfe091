import { interpolateSql, filterNames } from './interpolate';
import { Resources } from '../resources';
import { references, Template, wholeReference } from './template';
import { ALL, KmsQuery, Preview, PreviewRequest } from '../types';

/** A query as the backend gets it: with the values of dashboard variables. */
export function applyVariables(query: KmsQuery, template: Template): KmsQuery {
  const names = new Set([...template.standard(), ...(query.kind === 'sql' ? filterNames(query.sql ?? '') : [])]);
  const request = mapTexts(query, (texts) =>
    texts.map((text) => {
      const whole = wholeReference(text);
      if (!whole?.plain) {
        return template.text(text);
      }
      names.add(whole.name);
      return text;
    })
  );
  return withVariables({ ...request, ...sqlAndLegend(query, template) }, names, template);
}

/**
 * A query that asks the same where there are no variables, in Explore: values
 * stand in it. Only for filter macros the values go along.
 */
export function resolveVariables(query: KmsQuery, template: Template): KmsQuery {
  const resolved = mapTexts(query, (texts) =>
    texts.flatMap((text) => {
      const whole = wholeReference(text);
      const values = whole?.plain ? template.values(whole.name) : undefined;
      return values ? (values[0] === ALL ? [] : values) : [template.text(text)];
    })
  );
  // A filter whose variable is All filters nothing.
  const filters = resolved.builder?.filters?.filter(
    ({ values }, i) => values?.length || !query.builder?.filters?.[i].values?.length
  );
  const builder = resolved.builder && filters ? { builder: { ...resolved.builder, filters } } : {};
  const names = new Set(query.kind === 'sql' ? [...template.standard(), ...filterNames(query.sql ?? '')] : []);
  return withVariables({ ...resolved, ...builder, ...sqlAndLegend(query, template) }, names, template);
}

/** Whether a query asks something else when the variables of the dashboard change. */
export function usesVariables(query: KmsQuery, template: Template): boolean {
  const { sql = '', builder, named, findings, lifecycle } = query;
  const texts = { sql, builder, named, findings, lifecycle }[query.kind];
  const found = references(JSON.stringify(texts ?? '')).map(({ name }) => name);
  return [...found, ...filterNames(sql)].some((name) => template.values(name) !== undefined);
}

/** Previews a query; places of errors are those in the SQL as typed, columns in UTF-16 units as editors count. */
export async function preview(
  resources: Resources,
  request: PreviewRequest,
  template: Template,
  signal?: AbortSignal
): Promise<Preview> {
  const { query } = request;
  const answer = await resources.preview({ ...request, query: applyVariables(query, template) }, signal);
  if (query.kind !== 'sql' || query.sql === undefined) {
    return answer;
  }
  const typed = { ...answer, sql: query.sql };
  if (!answer.error?.line) {
    return typed;
  }
  const sent = interpolateSql(query.sql, (reference, write) => template.write(reference, write));
  const { line, column, endColumn, message } = answer.error;
  const start = placeOf(query.sql, sent.typed(offsetOf(sent.sql, line, column)));
  const end = placeOf(query.sql, sent.typed(offsetOf(sent.sql, line, Math.max(endColumn, column + 1))));
  return {
    ...typed,
    error: { message, ...start, endColumn: end.line === start.line && endColumn ? end.column : 0 },
  };
}

/** The offset of a 1-based place whose columns count characters. */
function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((length, { length: more }) => length + more + 1, 0);
  const characters = Array.from(lines[line - 1] ?? '').slice(0, Math.max(0, column - 1));
  return before + characters.join('').length;
}

function placeOf(text: string, offset: number): { line: number; column: number } {
  const lines = text.slice(0, offset).split('\n');
  return { line: lines.length, column: lines[lines.length - 1].length + 1 };
}

function sqlAndLegend(query: KmsQuery, template: Template): Partial<KmsQuery> {
  return {
    ...(query.sql && { sql: interpolateSql(query.sql, (reference, write) => template.write(reference, write)).sql }),
    ...(query.legend && { legend: template.text(query.legend) }),
  };
}

/** The query with the lists of texts in it, in which variables can stand, replaced. */
function mapTexts(query: KmsQuery, map: (texts: string[]) => string[]): KmsQuery {
  const { builder, named, findings, lifecycle } = query;
  return {
    ...query,
    ...(builder && {
      builder: {
        ...builder,
        ...(builder.filters && {
          filters: builder.filters.map((filter) => ({
            ...filter,
            ...(filter.values && { values: map(filter.values) }),
          })),
        }),
      },
    }),
    ...(named && {
      named: {
        ...named,
        params: mapMembers(named.params ?? {}, (value) => (typeof value === 'string' ? map([value]).join(',') : value)),
      },
    }),
    ...(findings && { findings: mapMembers(findings, (list) => (Array.isArray(list) ? map(list) : list)) }),
    ...(lifecycle && { lifecycle: mapMembers(lifecycle, (list) => (Array.isArray(list) ? map(list) : list)) }),
  };
}

function mapMembers<T extends object>(value: T, map: (member: unknown) => unknown): T {
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, map(member)])) as T;
}

function withVariables(query: KmsQuery, names: Iterable<string>, template: Template): KmsQuery {
  const variables = { ...query.variables };
  for (const name of names) {
    const values = template.values(name);
    if (values) {
      variables[name] = values;
    }
  }
  return Object.keys(variables).length > 0 ? { ...query, variables } : query;
}
