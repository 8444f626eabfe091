/**
 * A light lexer of DuckDB's SQL with the macros and variables of a query. It knows where strings, quoted names and
 * comments begin and end, which is what completion, formatting and markers must never get wrong.
 */
export type TokenKind =
  'word' | 'quoted' | 'string' | 'number' | 'macro' | 'variable' | 'comment' | 'operator' | 'space';

export interface Token {
  kind: TokenKind;
  text: string;
  /** Offset of the first character. */
  start: number;
  /** Offset after the last character. */
  end: number;
  /** False for a string, quoted name or block comment that the text ends in. */
  closed: boolean;
}

const word = /[\p{L}_][\p{L}\p{N}_]*/uy;
const number = /(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:e[+-]?\d+)?/iy;
const space = /\s+/y;
const macro = /\$__[A-Za-z0-9_]*/y;
const variable = /\$\{[^}\n]*\}?|\$[A-Za-z_]\w*|\$/y;
const dollarTag = /\$(?:[A-Za-z_][A-Za-z0-9_]*)?\$/y;
const operator = /->>|::|->|<=|>=|<>|!=|==|\|\||:=|=>|!~~?\*?|\*\*|[\s\S]/y;

/** Splits text into tokens; joined, they are the text again. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const add = (kind: TokenKind, end: number, closed = true) => {
    tokens.push({ kind, text: text.slice(at, end), start: at, end, closed });
    at = end;
  };
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  while (at < text.length) {
    const two = text.slice(at, at + 2);
    let found: string | undefined;
    if ((found = match(space))) {
      add('space', at + found.length);
    } else if (two === '--') {
      const end = text.indexOf('\n', at);
      add('comment', end < 0 ? text.length : end);
    } else if (two === '/*') {
      const end = blockCommentEnd(text, at);
      add('comment', end ?? text.length, end !== undefined);
    } else if (two[0] === "'" || two.toLowerCase() === "e'") {
      const end = stringEnd(text, two[0] === "'" ? at + 1 : at + 2, two[0] !== "'");
      add('string', end ?? text.length, end !== undefined);
    } else if (two[0] === '"') {
      const end = quotedEnd(text, at + 1, '"');
      add('quoted', end ?? text.length, end !== undefined);
    } else if ((found = match(dollarTag)) && found !== '$__$') {
      const end = text.indexOf(found, at + found.length);
      add('string', end < 0 ? text.length : end + found.length, end >= 0);
    } else if ((found = match(macro))) {
      add('macro', at + found.length);
    } else if ((found = match(variable))) {
      add('variable', at + found.length);
    } else if ((found = match(word))) {
      add('word', at + found.length);
    } else if ((found = match(number))) {
      add('number', at + found.length);
    } else {
      add('operator', at + match(operator)!.length);
    }
  }
  return tokens;
}

function quotedEnd(text: string, from: number, quote: string): number | undefined {
  for (let i = from; i < text.length; i++) {
    if (text[i] !== quote) {
      continue;
    }
    if (text[i + 1] !== quote) {
      return i + 1;
    }
    i++;
  }
  return undefined;
}

function stringEnd(text: string, from: number, escapes: boolean): number | undefined {
  if (!escapes) {
    return quotedEnd(text, from, "'");
  }
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') {
      i++;
    } else if (text[i] === "'") {
      const more = text[i + 1] === "'" ? i + 1 : continued(text, i + 1);
      if (more < 0) {
        return i + 1;
      }
      i = more;
    }
  }
  return undefined;
}

/** Where a text with escapes that ended goes on: at a quote in a later line, comments between; -1 where it does not. */
function continued(text: string, from: number): number {
  // A comment reaches to the end of its line: there is one way only to read many dashes.
  const between = /(?:[^\S\r\n]|--[^\r\n]*(?![^\r\n]))*[\r\n](?:\s|--[^\r\n]*(?![^\r\n]))*/y;
  between.lastIndex = from;
  return between.test(text) && text[between.lastIndex] === "'" ? between.lastIndex : -1;
}

/** Block comments nest in DuckDB. */
function blockCommentEnd(text: string, from: number): number | undefined {
  let depth = 0;
  for (let i = from; i < text.length - 1; i++) {
    const two = text.slice(i, i + 2);
    if (two === '/*') {
      depth++;
      i++;
    } else if (two === '*/') {
      depth--;
      i++;
      if (depth === 0) {
        return i + 1;
      }
    }
  }
  return undefined;
}

/** What a name token means: quotes taken off, unquoted names in lower case as DuckDB compares them. */
export function nameOf(token: Token): string {
  return token.kind === 'quoted' ? token.text.slice(1, token.closed ? -1 : undefined).replace(/""/g, '"') : token.text;
}

/** The text of a string literal up to an offset within it, quotes undoubled. */
export function stringPrefix(token: Token, offset: number): string {
  const open = token.text.indexOf("'") + 1;
  const end = token.closed ? Math.min(offset, token.end - 1) : offset;
  return token.text.slice(open, end - token.start).replace(/''/g, "'");
}

/** A string as SQL literal. */
export function literal(value: string): string {
  return `'${value.replace(/'/g, "''")}'`;
}

const plainName = /^[a-z_][a-z0-9_]*$/;

/** Names that DuckDB does not take unquoted as a column. */
const reserved = new Set(
  `all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create default
  deferrable desc describe distinct do else end except false fetch for foreign from grant group having in initially
  intersect into lambda lateral leading limit not null offset on only or order pivot placing primary qualify references
  returning select show some summarize symmetric table then to trailing true union unique unpivot using variadic when
  where window with`.split(/\s+/)
);

/** A name as SQL identifier, quoted only where it must be. */
export function identifier(name: string): string {
  return plainName.test(name) && !reserved.has(name) ? name : `"${name.replace(/"/g, '""')}"`;
}

/** Whether a word is reserved and so can be no alias. */
export function isReserved(name: string): boolean {
  return reserved.has(name.toLowerCase());
}
