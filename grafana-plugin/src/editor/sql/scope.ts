import type { SchemaTable } from '../../types';

import { isReserved, nameOf, type Token, tokenize } from './tokens';

/** A column that a statement can name at a place. */
export interface ScopeColumn {
  name: string;
  type?: string;
  description?: string;
  /** The table of the schema that it comes from, where that is known. */
  table?: string;
}

/** Something in a FROM clause: a table, a common table expression or a subquery. */
export interface Source {
  /** How the statement calls it. */
  alias: string;
  columns: ScopeColumn[];
}

/** What can be named at a place, the innermost query first. */
export interface Scope {
  sources: Source[];
  /** Common table expressions that a FROM clause at this place can name. */
  ctes: Source[];
  /** Names the select list gives, for GROUP BY and ORDER BY. */
  outputs: string[];
}

/** Text between parentheses; the statement itself is the outermost. */
interface Group {
  start: number;
  end: number;
  items: Item[];
}

type Item = Token | Group;

const isGroup = (item: Item | undefined): item is Group => item !== undefined && 'items' in item;
const isToken = (item: Item | undefined): item is Token => item !== undefined && 'kind' in item;
const isWord = (item: Item | undefined, ...words: string[]) =>
  isToken(item) && item.kind === 'word' && (words.length === 0 || words.includes(item.text.toLowerCase()));
const isName = (item: Item | undefined): item is Token =>
  isToken(item) && (item.kind === 'quoted' || (item.kind === 'word' && !isReserved(item.text)));
const isOperator = (item: Item | undefined, text: string) =>
  isToken(item) && item.kind === 'operator' && item.text === text;

/** Finds what can be named at an offset of the text. */
export function scopeAt(text: string, offset: number, tables: readonly SchemaTable[]): Scope {
  const path = pathTo(group(statementAt(tokenize(text), offset), text.length), offset);
  const scope: Scope = { sources: [], ctes: [], outputs: [] };
  for (const level of path) {
    // What an inner query defines hides what an outer one does.
    scope.ctes = [...readCtes(level, tables, scope.ctes), ...scope.ctes];
    const query = queryAt(level, offset);
    scope.sources = [...readSources(query, tables, scope.ctes), ...scope.sources];
    if (query.some((item) => isWord(item, 'select'))) {
      scope.outputs = outputs(query, tables, scope.ctes).map((column) => column.name);
    }
  }
  return scope;
}

/** Tokens that mean something of the statement around an offset. */
function statementAt(tokens: Token[], offset: number): Token[] {
  let statement: Token[] = [];
  for (const token of tokens) {
    if (token.kind === 'operator' && token.text === ';') {
      if (offset <= token.start) {
        break;
      }
      statement = [];
    } else if (token.kind !== 'space' && token.kind !== 'comment') {
      statement.push(token);
    }
  }
  return statement;
}

function group(tokens: Token[], end: number): Group {
  const root: Group = { start: 0, end, items: [] };
  const stack = [root];
  for (const token of tokens) {
    const top = stack[stack.length - 1];
    if (isOperator(token, '(')) {
      const inner: Group = { start: token.end, end, items: [] };
      top.items.push(inner);
      stack.push(inner);
    } else if (isOperator(token, ')') && stack.length > 1) {
      top.end = token.start;
      stack.pop();
    } else {
      top.items.push(token);
    }
  }
  return root;
}

/** Groups around an offset, the outermost first. */
function pathTo(root: Group, offset: number): Group[] {
  const path = [root];
  for (;;) {
    const inner = path[path.length - 1].items.find(
      (item): item is Group => isGroup(item) && item.start <= offset && offset <= item.end
    );
    if (!inner) {
      return path;
    }
    path.push(inner);
  }
}

/** The part of a group between set operations that holds an offset. */
function queryAt(level: Group, offset: number): Item[] {
  let query: Item[] = [];
  for (const item of level.items) {
    if (isWord(item, 'union', 'except', 'intersect')) {
      if (offset <= item.start) {
        break;
      }
      query = [];
    } else {
      query.push(item);
    }
  }
  return query;
}

/** Common table expressions that a group begins with. */
function readCtes(level: Group, tables: readonly SchemaTable[], outer: Source[]): Source[] {
  const items = level.items;
  if (!isWord(items[0], 'with')) {
    return [];
  }
  const ctes: Source[] = [];
  let i = isWord(items[1], 'recursive') ? 2 : 1;
  while (isName(items[i])) {
    const alias = nameOf(items[i++] as Token);
    let names: string[] | undefined;
    if (isGroup(items[i])) {
      names = (items[i++] as Group).items.filter(isName).map(nameOf);
    }
    while (isWord(items[i], 'as', 'not', 'materialized')) {
      i++;
    }
    const body = items[i++];
    const columns = isGroup(body) ? outputsOf(body, tables, [...ctes, ...outer]) : [];
    ctes.unshift({ alias, columns: names ? names.map((name, n) => ({ ...columns[n], name })) : columns });
    if (!isOperator(items[i], ',')) {
      break;
    }
    i++;
  }
  return ctes;
}

function outputsOf(body: Group, tables: readonly SchemaTable[], ctes: Source[]): ScopeColumn[] {
  return outputs(queryAt(body, body.start), tables, [...readCtes(body, tables, ctes), ...ctes]);
}

/** What ends a FROM clause. */
const afterFrom = ['where', 'group', 'having', 'order', 'limit', 'offset', 'qualify', 'window', 'select', 'using'];

/** Sources of a query without its subqueries. */
function readSources(query: Item[], tables: readonly SchemaTable[], ctes: Source[]): Source[] {
  const sources: Source[] = [];
  let expected = false;
  let inFrom = false;
  for (let i = 0; i < query.length; i++) {
    const item = query[i];
    if (isWord(item, 'from', 'join')) {
      expected = inFrom = true;
    } else if (isWord(item, ...afterFrom)) {
      expected = inFrom = false;
    } else if (isWord(item, 'on')) {
      expected = false;
    } else if (isOperator(item, ',') && inFrom) {
      expected = true;
    } else if (expected && isWord(item, 'lateral')) {
      continue;
    } else if (expected) {
      i = readSource(query, i, sources, tables, ctes);
      expected = false;
    }
  }
  return sources;
}

/** Reads one source and returns the index of its last item. */
function readSource(query: Item[], at: number, into: Source[], tables: readonly SchemaTable[], ctes: Source[]): number {
  let i = at;
  let source: Source | undefined;
  const item = query[i];
  if (isGroup(item)) {
    source = { alias: '', columns: outputsOf(item, tables, ctes) };
  } else if (isName(item)) {
    let name = nameOf(item);
    while (isOperator(query[i + 1], '.') && isName(query[i + 2])) {
      i += 2;
      name = nameOf(query[i] as Token);
    }
    if (isGroup(query[i + 1])) {
      i++; // a table function: its columns are not known
    }
    source = { alias: name, columns: columnsOf(name, tables, ctes) };
  }
  if (!source) {
    return i;
  }
  if (isWord(query[i + 1], 'as')) {
    i++;
  }
  if (isName(query[i + 1]) && !isWord(query[i + 1], ...joins)) {
    i++;
    source = { ...source, alias: nameOf(query[i] as Token) };
  }
  into.push(source);
  return i;
}

/** Words that may follow a table and are not its alias. */
const joins = [
  'inner',
  'left',
  'right',
  'full',
  'outer',
  'cross',
  'join',
  'natural',
  'asof',
  'semi',
  'anti',
  'positional',
  'tablesample',
  'at',
];

function columnsOf(name: string, tables: readonly SchemaTable[], ctes: Source[]): ScopeColumn[] {
  const same = (other: string) => other.toLowerCase() === name.toLowerCase();
  const cte = ctes.find((source) => same(source.alias));
  if (cte) {
    return cte.columns;
  }
  const table = tables.find((candidate) => same(candidate.name));
  return table ? table.columns.map((column) => ({ ...column, table: table.name })) : [];
}

/** Columns that a query without its set operations gives. */
function outputs(query: Item[], tables: readonly SchemaTable[], ctes: Source[]): ScopeColumn[] {
  const from = query.findIndex((item) => isWord(item, 'select'));
  if (from < 0) {
    // FROM first: all columns.
    return query.some((item) => isWord(item, 'from')) ? readSources(query, tables, ctes).flatMap((s) => s.columns) : [];
  }
  let to = query.findIndex((item, i) => i > from && isWord(item, 'from', ...afterFrom));
  to = to < 0 ? query.length : to;
  let list = query.slice(from + 1, to);
  if (isWord(list[0], 'distinct', 'all')) {
    list = list.slice(1);
  }
  const sources = readSources(query, tables, ctes);
  return split(list).flatMap((expression) => outputNames(expression, sources));
}

function split(items: Item[]): Item[][] {
  const parts: Item[][] = [[]];
  for (const item of items) {
    if (isOperator(item, ',')) {
      parts.push([]);
    } else {
      parts[parts.length - 1].push(item);
    }
  }
  return parts.filter((part) => part.length > 0);
}

function outputNames(expression: Item[], sources: Source[]): ScopeColumn[] {
  const last = expression[expression.length - 1];
  const first = expression[0];
  if (isOperator(last, '*')) {
    const qualifier = isName(first) ? nameOf(first).toLowerCase() : undefined;
    return sources
      .filter((source) => qualifier === undefined || source.alias.toLowerCase() === qualifier)
      .flatMap((source) => source.columns);
  }
  if (isToken(first) && first.kind === 'macro') {
    return first.text === '$__timeGroupAlias' ? [{ name: 'time', type: 'TIMESTAMP' }] : [];
  }
  if (!isName(last)) {
    return [];
  }
  const name = nameOf(last);
  const plain = expression.length === 1 || (expression.length === 3 && isOperator(expression[1], '.'));
  const known = plain ? sources.flatMap((source) => source.columns).find((column) => column.name === name) : undefined;
  return [known ?? { name }];
}
