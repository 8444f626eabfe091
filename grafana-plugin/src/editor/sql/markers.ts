import type { QueryError } from '../../types';

import { tokenize } from './tokens';

/** What is underlined: 1-based, columns in UTF-16 units as Monaco counts them. */
export interface Place {
  message: string;
  startLineNumber: number;
  startColumn: number;
  endLineNumber: number;
  endColumn: number;
}

/** Where an error is underlined in the text as typed: the word it points at where it names no end. */
export function placeOf(error: QueryError, text: string): Place | undefined {
  if (error.line < 1) {
    return undefined;
  }
  // What is missing at the end of the text is shown at its last character.
  const last = Math.max(text.trimEnd().length - 1, 0);
  const from = Math.min(offsetOf(text, error.line, error.column), last);
  const end = error.endColumn > error.column ? offsetOf(text, error.line, error.endColumn) : wordEnd(text, from);
  const start = positionOf(text, from);
  const to = positionOf(text, Math.max(end, from + 1));
  return {
    message: error.message,
    startLineNumber: start.line,
    startColumn: start.column,
    endLineNumber: to.line,
    endColumn: to.column,
  };
}

/** The error of the last run, with the place that its message names: "line 3, column 7: …". */
export function errorOf(message: string): QueryError {
  const named = /\bline (\d+),? column (\d+)\b/i.exec(message) ?? /^LINE (\d+):/im.exec(message);
  return { message, line: Number(named?.[1] ?? 0), column: Number(named?.[2] ?? 0), endColumn: 0 };
}

function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split('\n');
  if (line > lines.length) {
    return text.length;
  }
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  const indent = /^\s*/.exec(lines[line - 1])![0].length;
  // A line without a column means what is written in it.
  return before + (column > 0 ? Math.min(column - 1, lines[line - 1].length) : indent);
}

function wordEnd(text: string, from: number): number {
  const token = tokenize(text).find((candidate) => candidate.start <= from && from < candidate.end);
  const end = token && token.kind !== 'space' ? token.end : from + 1;
  const line = text.indexOf('\n', from);
  return line < 0 ? end : Math.min(end, line);
}

function positionOf(text: string, offset: number) {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: before[before.length - 1].length + 1 };
}
