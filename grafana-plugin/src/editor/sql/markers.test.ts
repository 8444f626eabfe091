import { errorOf, placeOf } from './markers';

const error = (line: number, column: number, endColumn = 0) => ({ message: 'no such column', line, column, endColumn });

test.each([
  ['the word it points at', 'select\n  nme from t', error(2, 3), [2, 3, 2, 6]],
  ['up to where it says', 'select $__foo(a) from t', error(1, 8, 14), [1, 8, 1, 14]],
  ['a line without a column', 'select\n  nme', error(2, 0), [2, 3, 2, 6]],
  ['behind the end', 'select a from\n', error(3, 1), [1, 10, 1, 14]],
  ['at the end of a line', 'select a,\nfrom t', error(1, 10), [1, 9, 1, 10]],
  ['a string of several lines', "select 'a\nb'", error(1, 8), [1, 8, 1, 10]],
  ['an empty text', '', error(1, 1), [1, 1, 1, 1]],
])('underlines %s', (_, text, problem, [startLineNumber, startColumn, endLineNumber, endColumn]) => {
  expect(placeOf(problem, text)).toEqual({
    message: 'no such column',
    startLineNumber,
    startColumn,
    endLineNumber,
    endColumn,
  });
});

test('nothing without a place', () => {
  expect(placeOf(error(0, 0), 'select 1')).toBeUndefined();
});

test.each([
  ['line 3, column 7: no such table', 3, 7],
  ['query: Binder Error\nLINE 2: select x\n ^', 2, 0],
  ['the server does not answer', 0, 0],
])('reads the place of %j', (message, line, column) => {
  expect(errorOf(message)).toMatchObject({ message, line, column });
});
