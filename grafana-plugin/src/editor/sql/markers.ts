import type { QueryError } from '../../types';

import { tokenize } from './tokens';

/** Where an error is underlined: 1-based, columns in UTF-16 units as Monaco counts them. */
export interface Place {
  message: string;
  startLineNumber: number;
  startColumn: number;
  endLineNumber: number;
  endColumn: number;
}

/**
 * Finds the place of an error in the text as typed. Positions of the server count characters of the statement as
 * sent; where variables were put in for the typed text, sent is that statement.
 */
export function placeOf(error: QueryError, typed: string, sent: string = typed): Place | undefined {
  if (error.line < 1) {
    return undefined;
  }
  const start = offsetOf(sent, error.line, Math.max(error.column, 1));
  const given = error.endColumn > error.column ? offsetOf(sent, error.line, error.endColumn) : undefined;
  const from = Math.min(typedOffset(typed, sent, start), lastVisible(typed));
  const to = given === undefined ? wordEnd(typed, from) : Math.max(typedOffset(typed, sent, given), from + 1);
  return { message: error.message, ...between(typed, from, to) };
}

/** Position in the message of an error of the last run, such as "line 3, column 7: …". */
export function errorOf(message: string): QueryError {
  const named = /\bline (\d+),? column (\d+)\b/i.exec(message);
  const line = named ?? /^LINE (\d+):/im.exec(message);
  return { message, line: Number(line?.[1] ?? 0), column: Number(named?.[2] ?? 0), endColumn: 0 };
}

/** Offset of a line and a column that counts characters, both from 1. */
function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  if (line > lines.length) {
    return text.length;
  }
  return before + [...lines[line - 1]].slice(0, column - 1).join('').length;
}

/** Offset in the typed text of an offset in the text in which variables were replaced. */
function typedOffset(typed: string, sent: string, offset: number): number {
  if (typed === sent) {
    return offset;
  }
  let typedAt = 0;
  let sentAt = 0;
  for (const part of parts(typed)) {
    if (part.variable) {
      typedAt = part.end;
      continue;
    }
    const found = sent.indexOf(part.text, sentAt);
    if (found < 0) {
      break;
    }
    if (offset < found) {
      // Within what stands in the place of a variable.
      return Math.max(part.start - 1, 0);
    }
    if (offset <= found + part.text.length) {
      return part.start + offset - found;
    }
    sentAt = found + part.text.length;
    typedAt = part.end;
  }
  return typedAt;
}

interface Part {
  text: string;
  start: number;
  end: number;
  variable: boolean;
}

/** The text in turn as typed and as variable. */
function parts(typed: string): Part[] {
  const found: Part[] = [];
  for (const token of tokenize(typed)) {
    const last = found[found.length - 1];
    const variable = token.kind === 'variable' && token.text !== '$';
    if (last && !last.variable && !variable) {
      last.text += token.text;
      last.end = token.end;
    } else {
      found.push({ text: token.text, start: token.start, end: token.end, variable });
    }
  }
  return found;
}

/** An error at the end of the text is shown at its last character. */
function lastVisible(text: string): number {
  return Math.max(text.trimEnd().length - 1, 0);
}

function wordEnd(text: string, from: number): number {
  const token = tokenize(text).find((candidate) => candidate.start <= from && from < candidate.end);
  const line = text.indexOf('\n', from);
  const end = token && token.kind !== 'space' ? token.end : from + 1;
  return line < 0 ? end : Math.max(Math.min(end, line), from + 1);
}

function between(text: string, from: number, to: number) {
  const start = lineColumn(text, from);
  const end = lineColumn(text, to);
  return {
    startLineNumber: start.line,
    startColumn: start.column,
    endLineNumber: end.line,
    endColumn: end.column,
  };
}

function lineColumn(text: string, offset: number) {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: before[before.length - 1].length + 1 };
}
