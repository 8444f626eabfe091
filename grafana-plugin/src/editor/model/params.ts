import type { NamedParam, NamedQuery, ValueKind } from '../../types';

import { isVariable } from './builder';

/** A parameter of a named query. */
export type Param = NamedParam & {
  /** Without a value the query cannot run. */
  required?: boolean;
};

/** What a parameter is asked with: values of the server, or an input by its type. */
export type ParamInput = ValueKind | 'text' | 'integer' | 'number' | 'days' | 'boolean' | 'timestamp' | 'choice';

export function inputOf(param: Param): ParamInput {
  switch (param.type) {
    case 'integer':
    case 'days':
    case 'boolean':
    case 'timestamp':
      return param.type;
    case 'double':
      return 'number';
  }
  return byName[param.name] ?? (choicesOf(param) ? 'choice' : 'text');
}

const byName: Readonly<Record<string, ValueKind>> = {
  account_id: 'account',
  region: 'region',
  key_arn: 'key',
  principal: 'principal',
  principal_arn: 'principal',
  detector_id: 'detector',
  event_name: 'operation',
  service: 'service',
  severity: 'severity',
  status: 'status',
};

const choices: Readonly<Record<string, readonly string[]>> = {
  error_class: [
    'none',
    'denied',
    'pending_deletion',
    'disabled',
    'pending_import',
    'throttled',
    'bad_ciphertext',
    'wrong_key',
    'dry_run',
    'not_found',
    'other',
  ],
  kind: ['state', 'deletion_date', 'tag', 'alias', 'policy', 'rotation'],
};

/** Values that a parameter is known to have; others can be typed. */
export function choicesOf(param: Param): readonly string[] | undefined {
  return choices[param.name];
}

/** account_id → Account id: a name for people. */
export function labelOf(param: Param): string {
  const words = param.name.replace(/_/g, ' ').replace(/\barn\b/g, 'ARN');
  return words[0].toUpperCase() + words.slice(1);
}

const maxDays = 36_500;

/** Why a parameter's value cannot be; undefined when it can. Empty is the default. */
export function wrongParam(param: Param, value: string | undefined): string | undefined {
  const given = value?.trim() ?? '';
  if (given === '') {
    return param.required ? 'This has to be given.' : undefined;
  }
  if (isVariable(given)) {
    return undefined;
  }
  switch (inputOf(param)) {
    case 'integer':
      return /^[+-]?\d{1,18}$/.test(given) ? undefined : 'This has to be a whole number.';
    case 'days':
      return /^\d+d?$/.test(given) && parseInt(given, 10) <= maxDays
        ? undefined
        : `This has to be a number of days from 0 to ${maxDays}.`;
    case 'number':
      return Number.isFinite(Number(given)) ? undefined : 'This has to be a number.';
    case 'boolean':
      return /^(true|false)$/i.test(given) ? undefined : 'This has to be true or false.';
    case 'timestamp':
      return /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})?)?$/.test(given)
        ? undefined
        : 'This has to be a time such as 2026-01-31T12:00:00Z.';
    case 'account':
      return /^\d{12}$/.test(given) ? undefined : 'This has to be an account id: twelve digits.';
    default:
      return undefined;
  }
}

/** What keeps a named query from running, in a sentence. */
export function missingParam(params: readonly Param[], values: Record<string, string>): string | undefined {
  for (const param of params) {
    const wrong = wrongParam(param, values[param.name]);
    if (wrong) {
      return values[param.name]?.trim() ? `${labelOf(param)}: ${wrong}` : `${labelOf(param)} has to be given.`;
    }
  }
  return undefined;
}

/** Values for another query: those of parameters that it has as well. */
export function carryParams(query: NamedQuery, values: Record<string, string> | undefined): Record<string, string> {
  return Object.fromEntries(
    query.params
      .map((param) => [param.name, values?.[param.name] ?? values?.[twins[param.name] ?? ''] ?? ''])
      .filter(([, value]) => value !== '')
  );
}

/** Two names of the same thing. */
const twins: Readonly<Record<string, string>> = { principal: 'principal_arn', principal_arn: 'principal' };

/** Queries that have all words of a search in id, title, description, grain or columns; titles first. */
export function searchNamed(queries: readonly NamedQuery[], search: string): NamedQuery[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = queries.filter((query) => {
    const all = [query.id, query.title, query.description, query.grain, ...query.columns.map((column) => column.name)]
      .join(' ')
      .toLowerCase();
    return words.every((word) => all.includes(word));
  });
  const inTitle = (query: NamedQuery) =>
    words.every((word) => `${query.id} ${query.title}`.toLowerCase().includes(word));
  return words.length === 0 ? found : [...found.filter(inTitle), ...found.filter((query) => !inTitle(query))];
}
