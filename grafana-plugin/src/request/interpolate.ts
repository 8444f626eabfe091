import { Token, tokenize } from '../editor/sql/tokens';
import { Reference, references, wholeReference } from './template';

/** Writes the values of a variable; undefined when there is no such variable. */
export type WriteReference = (reference: Reference, write: (values: string[]) => string) => string | undefined;

interface Piece {
  /** Offsets in the text as typed. */
  start: number;
  end: number;
  text: string;
}

/** A statement with the values of dashboard variables in it. */
export interface Interpolated {
  sql: string;
  /** The offset in the text as typed for one in sql. */
  typed(offset: number): number;
}

const FILTER_MACRO = /^\$__(?:account|region|key|principal)?filter$/i;

/**
 * Puts the values of dashboard variables into SQL, each so that it stays the
 * value it is: as a literal, within a literal, or within a quoted name. What
 * stands in comments and dollar quotes is left alone, and so are variables in
 * filter macros, which the backend resolves.
 */
export function interpolateSql(sql: string, write: WriteReference): Interpolated {
  const pieces: Piece[] = [];
  const tokens = tokenize(sql);
  for (let i = 0; i < tokens.length; i++) {
    const end = endOfFilter(tokens, i);
    if (end > i) {
      i = end;
      continue;
    }
    pieces.push(...replaced(tokens[i], write));
  }
  return join(sql, pieces);
}

/** The names that stand as arguments in filter macros. */
export function filterNames(sql: string): string[] {
  const names = new Set<string>();
  const tokens = tokenize(sql);
  for (let i = 0; i < tokens.length; i++) {
    for (const { text } of tokens.slice(i + 1, endOfFilter(tokens, i))) {
      const name = /^['"]?\$?\{?(\w+)(?::\w+)?\}?['"]?$/.exec(text)?.[1];
      if (name) {
        names.add(name);
      }
    }
  }
  return [...names];
}

/**
 * The variables that filter macros use, in order: key of $__keyFilter(key_arn), x of
 * $__keyFilter(key_arn, x). Grafana finds none of them by itself.
 */
export function macroVariables(sql: string): string[] {
  const tokens = tokenize(sql);
  const names = tokens.flatMap((token, i) => {
    const end = endOfFilter(tokens, i);
    if (end === i) {
      return [];
    }
    const given = /^['"]?\$?\{?(\w+)/.exec(argumentsOf(tokens.slice(i + 1, end))[1] ?? '')?.[1];
    return given ?? /^\$__(account|region|key|principal)Filter$/.exec(token.text)?.[1] ?? [];
  });
  return [...new Set(names)].sort();
}

/** The arguments of a macro, of the tokens from its opening bracket up to the closing one. */
function argumentsOf(tokens: Token[]): string[] {
  const args = [''];
  let depth = 0;
  for (const { kind, text } of tokens) {
    if (kind === 'space' || kind === 'comment') {
      continue;
    }
    depth -= text === ')' ? 1 : 0;
    if (text === ',' && depth === 1) {
      args.push('');
    } else if (depth > 0) {
      args[args.length - 1] += text;
    }
    depth += text === '(' ? 1 : 0;
  }
  return args;
}

/** The index of the bracket that closes the filter macro at i; i when there is none. */
function endOfFilter(tokens: Token[], i: number): number {
  if (tokens[i].kind !== 'macro' || !FILTER_MACRO.test(tokens[i].text)) {
    return i;
  }
  let depth = 0;
  for (let j = i + 1; j < tokens.length; j++) {
    const { kind, text } = tokens[j];
    if (kind === 'space' || kind === 'comment') {
      continue;
    }
    depth += text === '(' ? 1 : text === ')' ? -1 : 0;
    if (depth === 0) {
      return text === ')' ? j : i;
    }
  }
  return i;
}

function replaced(token: Token, write: WriteReference): Piece[] {
  const inner = inside(token);
  if (!inner) {
    return [];
  }
  const whole = token.kind === 'string' && /^'/.test(token.text) && wholeReference(token.text.slice(1, -1));
  if (whole && whole.plain) {
    // '$name' is the list of its values, as $name is.
    const text = write(whole, literals);
    return text === undefined ? [] : [{ start: token.start, end: token.end, text }];
  }
  return references(token.text).flatMap((reference) => {
    const text = write(reference, (values) => inner.join(values, reference.name));
    const start = token.start + reference.start;
    return text === undefined ? [] : [{ start, end: start + reference.text.length, text: inner.escape(text) }];
  });
}

interface Inside {
  join(values: string[], name: string): string;
  /** For what Grafana wrote by a format, too. */
  escape(text: string): string;
}

const commas = (values: string[]) => values.join(',');

/** How values stand in a token; undefined where they must not. */
function inside({ kind, text, closed }: Token): Inside | undefined {
  if (kind === 'variable') {
    return { join: bare, escape: (written) => written };
  }
  if (kind === 'quoted' && closed) {
    return { join: commas, escape: (written) => written.replace(/"/g, '""') };
  }
  if (kind !== 'string' || !closed || text.startsWith('$')) {
    return undefined;
  }
  const escaped = /^e/i.test(text);
  return {
    join: commas,
    escape: (written) => (escaped ? written.replace(/\\/g, '\\\\') : written).replace(/'/g, "''"),
  };
}

/** Literals, but Grafana's own ${__from} and the like are numbers. */
function bare(values: string[], name: string): string {
  return name.startsWith('__') && values.length === 1 && /^\d+$/.test(values[0]) ? values[0] : literals(values);
}

/** 'a','b'; NULL, which nothing equals, for no value at all. */
function literals(values: string[]): string {
  return values.length === 0 ? 'NULL' : values.map((value) => `'${value.replace(/'/g, "''")}'`).join(',');
}

function join(sql: string, pieces: Piece[]): Interpolated {
  let text = '';
  let at = 0;
  const places: Array<{ out: number; end: number; piece: Piece }> = [];
  for (const piece of pieces) {
    text += sql.slice(at, piece.start);
    places.push({ out: text.length, end: text.length + piece.text.length, piece });
    text += piece.text;
    at = piece.end;
  }
  text += sql.slice(at);
  return {
    sql: text,
    typed(offset) {
      const before = places.filter(({ out }) => out <= offset).at(-1);
      if (!before) {
        return offset;
      }
      return offset < before.end ? before.piece.start : before.piece.end + offset - before.end;
    },
  };
}
