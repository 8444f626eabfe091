import { macroDocumentation, macroName, type Vocabulary } from './complete';
import { functionDocs } from './functions';
import { scopeAt } from './scope';
import { nameOf, tokenize } from './tokens';

export interface Hover {
  start: number;
  end: number;
  /** Markdown. */
  contents: string[];
}

/** Says what the word at an offset means: a table, column, function or macro. */
export function hover(text: string, offset: number, vocabulary: Vocabulary): Hover | undefined {
  const tokens = tokenize(text).filter((token) => token.kind !== 'space');
  const at = tokens.findIndex((token) => token.start <= offset && offset < token.end);
  const token = tokens[at];
  if (!token) {
    return undefined;
  }
  const found = (...contents: Array<string | undefined>): Hover => ({
    start: token.start,
    end: token.end,
    contents: contents.filter((line): line is string => Boolean(line)),
  });
  if (token.kind === 'macro') {
    const macro = vocabulary.macros.find((candidate) => macroName(candidate) === token.text);
    return macro ? found(code(macro.signature), macroDocumentation(macro)) : undefined;
  }
  if (token.kind !== 'word' && token.kind !== 'quoted') {
    return undefined;
  }
  const name = nameOf(token);
  const lower = name.toLowerCase();
  const next = tokens[at + 1];
  if (next?.text === '(' && lower in functionDocs) {
    return found(code(functionDocs[lower].signature), functionDocs[lower].doc);
  }
  const { sources } = scopeAt(text, offset, vocabulary.tables);
  const qualifier = tokens[at - 1]?.text === '.' && tokens[at - 2] ? nameOf(tokens[at - 2]).toLowerCase() : undefined;
  const column = sources
    .filter((source) => qualifier === undefined || source.alias.toLowerCase() === qualifier)
    .flatMap((source) => source.columns)
    .find((candidate) => candidate.name.toLowerCase() === lower);
  const table = vocabulary.tables.find((candidate) => candidate.name === lower);
  if (table && next?.text !== '.' && qualifier === undefined && (!column || isTablePlace(tokens, at))) {
    return found(code(`${table.name} (${table.kind})`), table.description);
  }
  return column ? found(code(`${column.name} ${column.type ?? ''}`.trim()), column.description) : undefined;
}

const isTablePlace = (tokens: Array<{ text: string }>, at: number) =>
  ['from', 'join', ','].includes(tokens[at - 1]?.text.toLowerCase() ?? '');

const code = (text: string) => '```sql\n' + text + '\n```';

export interface Signature {
  label: string;
  documentation: string;
  /** Text of each parameter within the label. */
  parameters: string[];
  active: number;
}

/** Help with the arguments of the innermost call that is open at an offset. */
export function signatureAt(text: string, offset: number, vocabulary: Vocabulary): Signature | undefined {
  const before = tokenize(text.slice(0, offset)).filter((token) => token.kind !== 'space');
  const last = before[before.length - 1];
  if (last?.kind === 'comment' && (!last.closed || last.text.startsWith('--'))) {
    return undefined;
  }
  let depth = 0;
  let active = 0;
  for (let i = before.length - 1; i > 0; i--) {
    const token = before[i];
    if (token.kind !== 'operator') {
      continue;
    }
    if (token.text === ')') {
      depth++;
    } else if (token.text === ',' && depth === 0) {
      active++;
    } else if (token.text === '(' && --depth < 0) {
      return signature(before[i - 1].text, active, vocabulary);
    }
  }
  return undefined;
}

function signature(name: string, active: number, vocabulary: Vocabulary): Signature | undefined {
  const macro = vocabulary.macros.find((candidate) => macroName(candidate) === name);
  const known = macro ? { signature: macro.signature, doc: macro.doc } : functionDocs[name.toLowerCase()];
  if (!known) {
    return undefined;
  }
  const inside = /\(([\s\S]*)\)/.exec(known.signature)?.[1] ?? '';
  const parameters = inside
    .split(',')
    .map((parameter) => parameter.replace(/[[\]]/g, '').trim())
    .filter(Boolean);
  return {
    label: known.signature,
    documentation: known.doc,
    parameters,
    active: Math.min(active, Math.max(parameters.length - 1, 0)),
  };
}
