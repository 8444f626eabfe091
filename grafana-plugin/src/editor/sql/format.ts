import { isReserved, type Token, tokenize } from './tokens';

/** Words that begin a line, with those that follow on the same. */
const clauses = [
  'with',
  'select',
  'from',
  'where',
  'group',
  'having',
  'qualify',
  'window',
  'order',
  'limit',
  'offset',
  'union',
  'except',
  'intersect',
];
const joins = ['join', 'left', 'right', 'full', 'inner', 'cross', 'asof', 'natural', 'semi', 'anti', 'positional'];
const upper = new Set(
  `${[...clauses, ...joins].join(' ')} by all as and or not in like ilike glob between is null on using outer distinct case
  when then else end asc desc nulls first last over partition filter exists interval timestamp date true false rows range
  unbounded preceding following current row recursive materialized`.split(/\s+/)
);
/** Of these, names of functions or columns too: left as they are before a parenthesis, or where they are no keyword. */
const ambiguous = new Set([
  'first',
  'last',
  'row',
  'range',
  'rows',
  'current',
  'date',
  'timestamp',
  'left',
  'right',
  'filter',
  'glob',
  'current',
  'semi',
  'anti',
  'positional',
  'all',
]);

/** Lists longer than this have an entry on each line. */
const lineLength = 72;

/**
 * Lays a statement out: a clause on each line, conditions and long lists below. Only white space and the case of
 * keywords change; strings, names, comments and macros stay as they are.
 */
export function format(text: string): string {
  const tokens = tokenize(text).filter((token) => token.kind !== 'space');
  // What is not finished cannot be laid out.
  if (tokens.some((token) => !token.closed)) {
    return text;
  }
  const laidOut = new Layout(text, tokens).print();
  // What cannot be laid out without becoming something else stays as it is.
  return same(tokens, tokenize(laidOut)) ? laidOut : text;
}

/** Whether two texts are the same but for white space and the case of words. */
function same(tokens: Token[], others: Token[]): boolean {
  const meaning = ({ kind, text }: Token) => (kind === 'word' ? text.toLowerCase() : text.trimEnd());
  const those = others.filter((token) => token.kind !== 'space');
  return tokens.length === those.length && tokens.every((token, i) => meaning(token) === meaning(those[i]));
}

interface Level {
  /** Indentation of the clauses of this level, in steps. */
  indent: number;
  /** Whether the parentheses hold a query; calls and lists stay on the line. */
  query: boolean;
  /** The clause that is being written. */
  clause: string;
  /** Entries of the clause are on lines of their own. */
  broken: boolean;
  between: boolean;
  cases: number;
}

class Layout {
  private out = '';
  private levels: Level[] = [newLevel(0, true)];

  constructor(
    private readonly text: string,
    private readonly tokens: Token[]
  ) {}

  print(): string {
    this.tokens.forEach((token, i) => this.put(token, i));
    return this.out.trim();
  }

  private get level(): Level {
    return this.levels[this.levels.length - 1];
  }

  private put(token: Token, i: number) {
    if (token.kind === 'comment') {
      return this.comment(token, i);
    }
    const word = token.kind === 'word' ? token.text.toLowerCase() : '';
    if (token.kind === 'operator' && token.text === '(') {
      return this.open(token, i);
    }
    if (token.kind === 'operator' && token.text === ')') {
      return this.close(token);
    }
    if (token.kind === 'operator' && token.text === ';') {
      // A line comment would take it in.
      const commented = this.tokens[i - 1]?.text.startsWith('--');
      this.out = (commented ? this.out : this.out.trimEnd()) + ';';
      this.levels = [newLevel(0, true)];
      return this.line(0);
    }
    if (this.level.query && this.isClause(word, i)) {
      return this.clause(token, word, i);
    }
    this.write(this.spelled(token, i), this.spaced(i));
    if (!this.level.query) {
      return;
    }
    if (token.text === ',' && this.level.broken && token.kind === 'operator') {
      this.line(this.level.indent + 1);
    }
    if (word === 'between') {
      this.level.between = true;
    } else if (word === 'case') {
      this.level.cases++;
    } else if (word === 'end' && this.level.cases > 0) {
      this.level.cases--;
    }
  }

  private isClause(word: string, i: number): boolean {
    if (this.level.cases > 0) {
      return false;
    }
    const next = this.tokens[i + 1];
    const before = this.tokens[i - 1];
    if (before?.text === '.' || (before?.kind === 'word' && before.text.toLowerCase() === 'as')) {
      return false;
    }
    if (clauses.includes(word)) {
      return word !== 'window' && word !== 'offset' && word !== 'group' && word !== 'order'
        ? !(word === 'from' && before?.text.toLowerCase() === 'distinct')
        : next?.kind === 'word' || next?.kind === 'number';
    }
    if (joins.includes(word)) {
      return next?.text !== '(' && (word === 'join' ? !this.followsJoin(i) : this.leadsToJoin(i));
    }
    return (word === 'and' || word === 'or') && this.conditions();
  }

  private conditions(): boolean {
    return ['where', 'having', 'qualify', 'on', 'join'].includes(this.level.clause);
  }

  private followsJoin(i: number): boolean {
    const before = this.tokens[i - 1];
    return before?.kind === 'word' && [...joins, 'outer'].includes(before.text.toLowerCase());
  }

  private leadsToJoin(i: number): boolean {
    for (let n = i + 1; n < this.tokens.length && n < i + 4; n++) {
      const word = this.tokens[n].text.toLowerCase();
      if (word === 'join') {
        return !this.followsJoin(i);
      }
      if (!joins.includes(word) && word !== 'outer') {
        return false;
      }
    }
    return false;
  }

  private clause(token: Token, word: string, i: number) {
    const level = this.level;
    if (word === 'and' || word === 'or') {
      if (word === 'and' && level.between) {
        level.between = false;
        this.write('AND', true);
        return;
      }
      this.line(level.indent + 1);
      this.write(this.spelled(token, i), false);
      return;
    }
    const set = ['union', 'except', 'intersect'].includes(word);
    const afterSet = level.clause === 'set' && word !== 'select' && word !== 'from';
    if (!afterSet) {
      this.line(level.indent);
    }
    this.write(this.spelled(token, i), afterSet);
    level.clause = set ? 'set' : joins.includes(word) ? 'join' : word;
    level.between = false;
    level.broken = word === 'select' && this.isLong(i);
    if (word === 'with') {
      level.broken = false;
    }
    if (level.broken && !['distinct', 'all'].includes(this.tokens[i + 1]?.text.toLowerCase())) {
      this.line(level.indent + 1);
    }
  }

  /** Whether the list of a SELECT needs lines of its own. */
  private isLong(at: number): boolean {
    let depth = 0;
    let length = 0;
    let commas = 0;
    for (let i = at + 1; i < this.tokens.length; i++) {
      const token = this.tokens[i];
      if (token.text === '(') {
        depth++;
      } else if (token.text === ')' && --depth < 0) {
        break;
      } else if (depth === 0 && token.kind === 'word' && clauses.includes(token.text.toLowerCase())) {
        break;
      } else if (depth === 0 && token.text === ',') {
        commas++;
      }
      length += token.text.length + 1;
    }
    return commas > 2 || length > lineLength;
  }

  private open(token: Token, i: number) {
    const next = this.tokens.slice(i + 1).find((candidate) => candidate.kind !== 'comment');
    const query = next?.kind === 'word' && ['select', 'with', 'from'].includes(next.text.toLowerCase());
    const before = this.tokens[i - 1];
    const call =
      before &&
      ((before.kind === 'word' && !isOpener(before.text)) || before.kind === 'macro' || before.kind === 'quoted');
    this.write(token.text, !call && this.spaced(i));
    this.levels.push(newLevel(this.level.indent + 1, query));
  }

  private close(token: Token) {
    const closed = this.levels.length > 1 ? this.levels.pop()! : this.level;
    if (closed.query && this.levels.length > 0) {
      this.line(this.level.query ? this.level.indent : this.level.indent);
    }
    this.write(token.text, false);
  }

  private comment(token: Token, i: number) {
    const before = this.tokens[i - 1];
    const own = !before || this.text.slice(before.end, token.start).includes('\n');
    if (own) {
      this.line(this.level.indent + (this.level.broken ? 1 : 0));
    }
    this.write(token.text.trimEnd(), !own);
    if (token.text.startsWith('--')) {
      this.line(this.level.indent + 1);
    }
  }

  private spelled(token: Token, i: number): string {
    if (token.kind !== 'word') {
      return token.text;
    }
    const word = token.text.toLowerCase();
    if (!upper.has(word) || this.tokens[i - 1]?.text === '.' || this.tokens[i + 1]?.text === '.') {
      return token.text;
    }
    if (ambiguous.has(word) && !this.isKeyword(word, i)) {
      return token.text;
    }
    return word.toUpperCase();
  }

  private isKeyword(word: string, i: number): boolean {
    const before = this.tokens[i - 1]?.text.toLowerCase();
    const next = this.tokens[i + 1];
    switch (word) {
      case 'first':
      case 'last':
        return before === 'nulls';
      case 'date':
      case 'timestamp':
        return next?.kind === 'string';
      case 'left':
      case 'right':
      case 'semi':
      case 'anti':
      case 'positional':
        return ['join', 'outer'].includes(next?.text.toLowerCase() ?? '');
      case 'filter':
        return next?.text === '(' && before === ')';
      case 'all':
        return ['by', 'union', 'except', 'intersect', 'select'].includes(before ?? '');
      default:
        return false;
    }
  }

  /** Whether a space stands before a token. */
  private spaced(i: number): boolean {
    const token = this.tokens[i];
    const before = this.tokens[i - 1];
    if (!before || ['(', '[', '.', '::'].includes(before.text)) {
      return false;
    }
    if ([',', ')', ']', '.', '::', ';'].includes(token.text)) {
      return false;
    }
    if (token.text === '[') {
      return !['word', 'quoted'].includes(before.kind) && before.text !== ')' && before.text !== ']';
    }
    // Lambdas, named arguments and such keep their space; what was one word for the database stays one.
    return this.text.slice(before.end, token.start) !== '' || !glued(before, token);
  }

  private write(text: string, space: boolean) {
    const needs = space && this.out !== '' && !/\s$/.test(this.out);
    this.out += (needs ? ' ' : '') + text;
  }

  private line(indent: number) {
    if (this.out.trim() === '') {
      this.out = '';
      return;
    }
    this.out = this.out.replace(/[ \t\n]+$/, '') + '\n' + '  '.repeat(indent);
  }
}

function newLevel(indent: number, query: boolean): Level {
  return { indent, query, clause: '', broken: false, between: false, cases: 0 };
}

/** Words before a parenthesis that is no call. */
function isOpener(word: string): boolean {
  return upper.has(word.toLowerCase()) ? !ambiguous.has(word.toLowerCase()) : isReserved(word);
}

/** Whether two tokens that touch must go on touching: -1, x'ab', $1. */
function glued(before: Token, token: Token): boolean {
  return (
    (before.kind === 'operator' && !['=', '<', '>', ','].includes(before.text) && token.kind !== 'operator') ||
    before.kind === 'variable' ||
    token.kind === 'variable' ||
    (before.kind === 'word' && token.kind === 'string') ||
    (before.kind === 'number' && token.kind === 'word') ||
    (before.kind === 'operator' && token.kind === 'operator') ||
    (before.text !== '=' &&
      token.kind === 'operator' &&
      !['=', '<', '>', '<=', '>=', '<>', '!=', '||'].includes(token.text))
  );
}
