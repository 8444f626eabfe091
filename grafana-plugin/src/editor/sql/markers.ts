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
  const at = offsetOf(text, error.line, error.column);
  const word = wordAt(text, at);
  const ends = error.endColumn > error.column;
  const from = ends ? at : word.start;
  const end = ends ? offsetOf(text, error.line, error.endColumn) : word.end;
  const start = positionOf(text, from);
  const to = positionOf(text, end);
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

/** The word at an offset; what is missing is shown at the word before. */
function wordAt(text: string, offset: number): { start: number; end: number } {
  const visible = text.slice(0, offset + 1).trimEnd().length - 1;
  const token = tokenize(text).find((candidate) => candidate.start <= visible && visible < candidate.end);
  if (!token) {
    return { start: 0, end: 0 };
  }
  const start = Math.max(token.start, text.lastIndexOf('\n', visible) + 1);
  const line = text.indexOf('\n', start);
  return { start, end: line < 0 ? token.end : Math.min(token.end, line) };
}

function positionOf(text: string, offset: number) {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: before[before.length - 1].length + 1 };
}
