import type { Macro, SchemaTable } from '../../types';

import { functionDocs, keywords } from './functions';
import { type ScopeColumn, scopeAt } from './scope';
import { snippets } from './snippets';
import { identifier, literal, nameOf, stringPrefix, type Token, tokenize } from './tokens';

/** What completion knows of the server and the dashboard. */
export interface Vocabulary {
  tables: readonly SchemaTable[];
  functions: readonly string[];
  macros: readonly Macro[];
  /** Names of dashboard variables, without $. */
  variables: readonly string[];
}

export type SuggestionKind =
  'table' | 'column' | 'alias' | 'function' | 'macro' | 'variable' | 'keyword' | 'snippet' | 'value';

export interface Suggestion {
  label: string;
  kind: SuggestionKind;
  /** Text put in; for snippets and functions with tab stops. */
  insert: string;
  /** Whether insert has tab stops. */
  stops?: boolean;
  detail?: string;
  documentation?: string;
  /** Orders the list: smaller first. */
  rank: number;
}

/** Values of a column are asked of the server. */
export interface ValueRequest {
  table: string;
  column: string;
  /** What stands between the quote and the cursor. */
  search: string;
}

export interface Completion {
  /** Offsets of the text that a suggestion replaces. */
  start: number;
  end: number;
  suggestions: Suggestion[];
  values?: ValueRequest;
}

/** Detail of names that the select list gives. */
const ofSelect = 'of this SELECT';

const nothing = (offset: number): Completion => ({ start: offset, end: offset, suggestions: [] });

/** Says what can stand at an offset of the text. */
export function complete(text: string, offset: number, vocabulary: Vocabulary): Completion {
  const tokens = tokenize(text);
  const current = tokenAt(tokens, offset);
  if (current?.kind === 'comment') {
    return nothing(offset);
  }
  const before = tokens.filter(
    (token) => token.end <= offset && token !== current && token.kind !== 'space' && token.kind !== 'comment'
  );
  const call = macroCall(before);
  if (current?.kind === 'string') {
    return inString(text, offset, current, before, call, vocabulary);
  }
  if (current?.kind === 'number') {
    return nothing(offset);
  }
  const start = current ? current.start : offset;
  const end = current ? current.end : offset;
  if (current?.kind === 'macro' || current?.kind === 'variable') {
    return { start, end, suggestions: dollars(text.slice(end), vocabulary) };
  }
  const last = before[before.length - 1];
  if (last?.kind === 'operator' && last.text === '.') {
    return { start, end, suggestions: members(text, offset, before, vocabulary) };
  }
  if (call) {
    return { start, end, suggestions: macroArgument(text, offset, call, vocabulary) };
  }
  if (last?.kind === 'word' && last.text.toLowerCase() === 'as') {
    return nothing(offset);
  }
  if (wantsTable(before)) {
    return { start, end, suggestions: tables(text, offset, vocabulary) };
  }
  const suggestions = expression(text, offset, end, before.length === 0, vocabulary);
  // The word that is being written may be a name that the SELECT gives, and completes nothing.
  const written = text.slice(start, end);
  return {
    start,
    end,
    suggestions: suggestions.filter(({ label, detail }) => label !== written || detail !== ofSelect),
  };
}

/** The token that an offset lies in or at the end of, when it is one that is being written. */
function tokenAt(tokens: Token[], offset: number): Token | undefined {
  return tokens.find((token) => {
    if (token.start >= offset) {
      return false;
    }
    switch (token.kind) {
      case 'string':
        return offset < token.end || (offset === token.end && !token.closed);
      case 'comment':
        return offset < token.end || (offset === token.end && (!token.closed || token.text.startsWith('--')));
      case 'space':
      case 'operator':
        return false;
      default:
        return offset <= token.end;
    }
  });
}

/** A macro call that is not closed, and which argument comes next. */
interface Call {
  macro: string;
  argument: number;
}

function macroCall(before: Token[]): Call | undefined {
  let depth = 0;
  let argument = 0;
  for (let i = before.length - 1; i >= 0; i--) {
    const { kind, text } = before[i];
    if (kind !== 'operator') {
      continue;
    }
    if (text === ')') {
      depth++;
    } else if (text === '(') {
      if (depth === 0) {
        return before[i - 1]?.kind === 'macro' ? { macro: before[i - 1].text, argument } : undefined;
      }
      depth--;
    } else if (text === ',' && depth === 0) {
      argument++;
    } else if (text === ';') {
      return undefined;
    }
  }
  return undefined;
}

function dollars(after: string, vocabulary: Vocabulary): Suggestion[] {
  const called = /^\s*\(/.test(after);
  return [...vocabulary.macros.map((macro) => macroSuggestion(macro, called)), ...variables(vocabulary)];
}

function macroSuggestion(macro: Macro, called = false): Suggestion {
  const name = macroName(macro);
  const takes = macro.signature.includes('(') && !macro.signature.includes('()');
  const parens = macro.signature.includes('(');
  return {
    label: name,
    kind: 'macro',
    // Dollars of the name are escaped: in a snippet they begin a tab stop.
    insert: called || !parens ? name : takes ? `${name.replace(/\$/g, '\\$')}($1)` : `${name}()`,
    stops: !called && takes,
    detail: macro.signature,
    documentation: macroDocumentation(macro),
    rank: 3,
  };
}

/** A macro's name with $__, however the server spells it. */
export function macroName(macro: Macro): string {
  return macro.name.startsWith('$') ? macro.name : `$__${macro.name.replace(/^_+/, '')}`;
}

/** What is said about a macro, in Markdown. */
export function macroDocumentation(macro: Macro): string {
  return macro.example ? `${macro.doc}\n\n\`\`\`sql\n${macro.example}\n\`\`\`` : macro.doc;
}

function variables(vocabulary: Vocabulary): Suggestion[] {
  return vocabulary.variables.map((name) => ({
    label: `\${${name}}`,
    kind: 'variable',
    insert: `\${${name}}`,
    detail: 'dashboard variable',
    documentation: 'Values come quoted for SQL: use it as `column IN (${' + name + '})`, without quotes of your own.',
    rank: 4,
  }));
}

function members(text: string, offset: number, before: Token[], vocabulary: Vocabulary): Suggestion[] {
  const qualifier = before[before.length - 2];
  if (!qualifier || (qualifier.kind !== 'word' && qualifier.kind !== 'quoted')) {
    return [];
  }
  const name = nameOf(qualifier).toLowerCase();
  const source = scopeAt(text, offset, vocabulary.tables).sources.find((s) => s.alias.toLowerCase() === name);
  return source ? source.columns.map((column) => columnSuggestion(column)) : [];
}

function columnSuggestion(column: ScopeColumn, rank = 0): Suggestion {
  return {
    label: column.name,
    kind: 'column',
    insert: identifier(column.name),
    detail: [column.type, column.table].filter(Boolean).join(' · '),
    documentation: column.description,
    rank,
  };
}

const fromWords = new Set(['from', 'join']);
const clauseWords = new Set([
  'select',
  'where',
  'group',
  'order',
  'having',
  'on',
  'limit',
  'qualify',
  'using',
  'window',
]);

/** Whether a table comes next: after FROM, JOIN, or a comma of the FROM clause. */
function wantsTable(before: Token[]): boolean {
  const last = before[before.length - 1];
  if (last?.kind === 'word' && fromWords.has(last.text.toLowerCase())) {
    return !isExtractFrom(before);
  }
  if (last?.kind !== 'operator' || last.text !== ',') {
    return false;
  }
  let depth = 0;
  for (let i = before.length - 2; i >= 0; i--) {
    const token = before[i];
    if (token.kind === 'operator' && token.text === ')') {
      depth++;
    } else if (token.kind === 'operator' && token.text === '(') {
      if (--depth < 0) {
        return false;
      }
    } else if (depth === 0 && token.kind === 'word') {
      const word = token.text.toLowerCase();
      if (fromWords.has(word)) {
        return true;
      }
      if (clauseWords.has(word)) {
        return false;
      }
    }
  }
  return false;
}

/** extract(hour FROM …) and trim(… FROM …) name no table. */
function isExtractFrom(before: Token[]): boolean {
  const open = before.map((token) => token.text).lastIndexOf('(');
  const called = before[open - 1];
  return called?.kind === 'word' && ['extract', 'trim', 'substring'].includes(called.text.toLowerCase());
}

function tables(text: string, offset: number, vocabulary: Vocabulary): Suggestion[] {
  const { ctes } = scopeAt(text, offset, vocabulary.tables);
  return [
    ...ctes.map((cte): Suggestion => ({
      label: cte.alias,
      kind: 'table',
      insert: identifier(cte.alias),
      detail: 'WITH',
      documentation: cte.columns.map((column) => column.name).join(', '),
      rank: 0,
    })),
    ...vocabulary.tables.map((table): Suggestion => ({
      label: table.name,
      kind: 'table',
      insert: identifier(table.name),
      detail: table.kind,
      documentation: table.description,
      rank: 1,
    })),
  ];
}

function expression(text: string, offset: number, end: number, first: boolean, vocabulary: Vocabulary): Suggestion[] {
  const scope = scopeAt(text, offset, vocabulary.tables);
  const called = /^\s*\(/.test(text.slice(end));
  const seen = new Set<string>();
  const found: Suggestion[] = [];
  const add = (suggestion: Suggestion) => {
    if (!seen.has(suggestion.label)) {
      seen.add(suggestion.label);
      found.push(suggestion);
    }
  };
  if (first) {
    snippets.forEach(add);
  }
  scope.sources.flatMap((source) => source.columns).forEach((column) => add(columnSuggestion(column)));
  scope.outputs.forEach((name) =>
    add({ label: name, kind: 'column', insert: identifier(name), detail: ofSelect, rank: 1 })
  );
  scope.sources
    .filter((source) => source.alias !== '')
    .forEach((source) =>
      add({ label: source.alias, kind: 'alias', insert: identifier(source.alias), detail: 'table here', rank: 2 })
    );
  vocabulary.macros.forEach((macro) => add(macroSuggestion(macro)));
  variables(vocabulary).forEach(add);
  functionNames(vocabulary).forEach((name) => add(functionSuggestion(name, called)));
  keywords.forEach((word) => add({ label: word, kind: 'keyword', insert: word, rank: 6 }));
  return found;
}

/** Functions that have words to them, then the others that the server allows. */
function functionNames(vocabulary: Vocabulary): string[] {
  const allowed = new Set(vocabulary.functions);
  const documented = Object.keys(functionDocs).filter((name) => allowed.size === 0 || allowed.has(name));
  return [...documented, ...vocabulary.functions.filter((name) => !(name in functionDocs) && /^[a-z_]\w*$/.test(name))];
}

function functionSuggestion(name: string, called: boolean): Suggestion {
  const known = functionDocs[name];
  return {
    label: name,
    kind: 'function',
    insert: called ? name : `${name}($1)`,
    stops: !called,
    detail: known?.signature,
    documentation: known?.doc,
    rank: known ? 4 : 7,
  };
}

/** What each argument of a macro is. */
type Argument =
  | 'time'
  | 'date'
  | 'account'
  | 'region'
  | 'key'
  | 'principal'
  | 'column'
  | 'interval'
  | 'fill'
  | 'variable'
  | 'alias'
  | 'grain'
  | 'month'
  | 'operator';

const macroArguments: Readonly<Record<string, readonly Argument[]>> = {
  $__timeFilter: ['time', 'grain'],
  $__dateFilter: ['date', 'month'],
  $__timeGroup: ['time', 'interval', 'fill'],
  $__timeGroupAlias: ['time', 'interval', 'fill'],
  $__accountFilter: ['account', 'variable'],
  $__regionFilter: ['region', 'variable'],
  $__keyFilter: ['key', 'variable'],
  $__principalFilter: ['principal', 'variable'],
  $__filter: ['column', 'variable', 'operator'],
  $__adhocFilters: ['alias'],
};

const intervals = ['auto', '$__interval', "'1m'", "'5m'", "'1h'", "'1d'"];
const fills = ['NULL', 'previous', 'zero'];
const grains = ['1m', '1h', '1d'];
const operators = ["'in'", "'not in'", "'like'", "'not like'", "'=~'", "'!~'"];

function macroArgument(text: string, offset: number, call: Call, vocabulary: Vocabulary): Suggestion[] {
  const scope = scopeAt(text, offset, vocabulary.tables);
  const argument = macroArguments[call.macro]?.[call.argument];
  const plain = (label: string, rank: number, detail?: string): Suggestion => ({
    label,
    kind: 'keyword',
    insert: label,
    detail,
    rank,
  });
  switch (argument) {
    case undefined:
      return call.macro in macroArguments
        ? []
        : scope.sources.flatMap((source) => source.columns).map((column) => columnSuggestion(column));
    case 'interval':
      return intervals.map((interval, n) => plain(interval, n, interval === 'auto' ? 'follows the range' : undefined));
    case 'fill':
      return fills.map((fill, n) => plain(fill, n, 'buckets without rows'));
    case 'grain':
      return grains.map((grain, n) => plain(grain, n, 'what a row stands for'));
    case 'month':
      return [plain('month', 0, 'rows are months')];
    case 'operator':
      return operators.map((operator, n) => plain(operator, n));
    case 'variable':
      return vocabulary.variables.map((name) => ({ ...plain(name, 0, 'dashboard variable'), kind: 'variable' }));
    case 'alias':
      return scope.sources
        .filter((source) => source.alias !== '')
        .map((source) => ({ ...plain(source.alias, 0, 'table here'), kind: 'alias' }));
    default:
      return scope.sources
        .flatMap((source) => source.columns)
        .map((column) => columnSuggestion(column, fits(column, argument) ? 0 : 1))
        .filter((suggestion) => suggestion.rank === 0 || (argument !== 'time' && argument !== 'date'));
  }
}

function fits(column: ScopeColumn, argument: Argument): boolean {
  switch (argument) {
    case 'time':
      return column.type === undefined || /^(TIMESTAMP|DATE)/i.test(column.type);
    case 'date':
      return column.type === undefined || /^DATE/i.test(column.type);
    case 'account':
      return column.name.endsWith('account_id');
    case 'region':
      return column.name.endsWith('region');
    case 'key':
      return column.name.endsWith('key_arn') || column.name === 'key_id';
    case 'principal':
      return /^(principal|caller|role)/.test(column.name);
    default:
      return true;
  }
}

function inString(
  text: string,
  offset: number,
  current: Token,
  before: Token[],
  call: Call | undefined,
  vocabulary: Vocabulary
): Completion {
  // Dollar quotes and escapes are for texts of one's own.
  if (!current.text.startsWith("'")) {
    return nothing(offset);
  }
  const start = current.start + 1;
  const end = current.closed ? current.end - 1 : offset;
  if (call && macroArguments[call.macro]?.[call.argument] === 'interval') {
    const steps = ['1m', '5m', '15m', '1h', '6h', '1d'];
    return { start, end, suggestions: steps.map((step, rank) => ({ label: step, kind: 'value', insert: step, rank })) };
  }
  const column = comparedColumn(before);
  if (!column) {
    return nothing(offset);
  }
  const sources = scopeAt(text, offset, vocabulary.tables).sources;
  const qualified = column.qualifier?.toLowerCase();
  const known = sources
    .filter((source) => qualified === undefined || source.alias.toLowerCase() === qualified)
    .flatMap((source) => source.columns)
    .find((candidate) => candidate.name.toLowerCase() === column.name.toLowerCase());
  if (!known?.table) {
    return nothing(offset);
  }
  return {
    start,
    end,
    suggestions: [],
    values: { table: known.table, column: known.name, search: stringPrefix(current, offset).replace(/[%_]+$/, '') },
  };
}

interface ColumnName {
  name: string;
  qualifier?: string;
}

const comparisons = new Set(['=', '<>', '!=', '==', '<', '>', '<=', '>=']);
const likes = new Set(['like', 'ilike', 'glob', 'between']);

/** The column that a string is compared with: col = ', col LIKE ', col IN ('a', ' … */
function comparedColumn(before: Token[]): ColumnName | undefined {
  let i = before.length - 1;
  // Back over the other values of a list.
  if (before[i]?.kind === 'operator' && (before[i].text === '(' || before[i].text === ',')) {
    while (i >= 0 && (before[i].kind === 'string' || before[i].text === ',')) {
      i--;
    }
    if (before[i]?.text !== '(' || before[i - 1]?.text.toLowerCase() !== 'in') {
      return undefined;
    }
    i -= 2;
  } else if (before[i]?.kind === 'operator' && comparisons.has(before[i].text)) {
    i--;
  } else if (before[i]?.kind === 'word' && likes.has(before[i].text.toLowerCase())) {
    i--;
  } else {
    return undefined;
  }
  if (before[i]?.kind === 'word' && before[i].text.toLowerCase() === 'not') {
    i--;
  }
  const name = before[i];
  if (!name || (name.kind !== 'word' && name.kind !== 'quoted')) {
    return undefined;
  }
  const qualifier = before[i - 1]?.text === '.' ? before[i - 2] : undefined;
  return { name: nameOf(name), qualifier: qualifier && nameOf(qualifier) };
}

/** A value of a column as suggestion within a string. */
export function valueSuggestion(
  value: { text: string; value: string; description?: string },
  rank: number
): Suggestion {
  return {
    label: value.text,
    kind: 'value',
    insert: literal(value.value).slice(1, -1),
    detail: value.description ?? (value.text === value.value ? undefined : value.value),
    rank,
  };
}
