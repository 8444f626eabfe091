import { identifier, literal, stringPrefix, tokenize } from './tokens';

const kinds = (text: string) =>
  tokenize(text)
    .filter((token) => token.kind !== 'space')
    .map((token) => `${token.kind}:${token.text}`);

describe('tokenize', () => {
  test.each([
    ['words and operators', 'a.b>=1', ['word:a', 'operator:.', 'word:b', 'operator:>=', 'number:1']],
    ['doubled quotes', "'it''s' x", ["string:'it''s'", 'word:x']],
    ['escapes only after e', "e'it\\'s' 'a\\'", ["string:e'it\\'s'", "string:'a\\'"]],
    ['escapes go on in a later line', "e'a' -- b\n 'c\\'d' e", ["string:e'a' -- b\n 'c\\'d'", 'word:e']],
    ['not in the same line', "e'a' 'b\\' c", ["string:e'a'", "string:'b\\'", 'word:c']],
    ['quoted names', '"a ""b""" c', ['quoted:"a ""b"""', 'word:c']],
    ['line comment', "a -- it's\nb", ['word:a', "comment:-- it's", 'word:b']],
    ['block comments nest', '/* a /* b */ c */ d', ['comment:/* a /* b */ c */', 'word:d']],
    ['dollar quotes', "$x$ it's $__timeFilter(a) $x$ b", ["string:$x$ it's $__timeFilter(a) $x$", 'word:b']],
    ['empty dollar quotes', "$$ it's $$ b", ["string:$$ it's $$", 'word:b']],
    ['macros', '$__timeFilter(hour)', ['macro:$__timeFilter', 'operator:(', 'word:hour', 'operator:)']],
    ['variables', '${key:sqlstring} $key', ['variable:${key:sqlstring}', 'variable:$key']],
    ['a lone dollar', 'a $', ['word:a', 'variable:$']],
    ['casts and arrows', "a::INT->>'b'", ['word:a', 'operator:::', 'word:INT', 'operator:->>', "string:'b'"]],
    ['lists of lists are no variables', '[[a]]', ['operator:[', 'operator:[', 'word:a', 'operator:]', 'operator:]']],
  ])('%s', (_, text, expected) => {
    expect(kinds(text)).toEqual(expected);
  });

  test.each(["select 'abc", 'select "abc', 'select /* abc', 'select $$abc', "select e'a\\"])(
    'knows that %s is not closed',
    (text) => {
      expect(tokenize(text).at(-1)?.closed).toBe(false);
    }
  );

  test('many dashes take no time', () => {
    expect(kinds("e'a'" + '-'.repeat(5_000))).toHaveLength(2);
  });

  test('loses nothing, whatever the text', () => {
    const pieces = [
      "'",
      '"',
      '$',
      '$$',
      '$a$',
      '--',
      '/*',
      '*/',
      '\n',
      ' ',
      'é',
      '€',
      '😀',
      'a1',
      '1e5',
      '.',
      '\\',
      'E',
      '${',
      '}',
      '[[',
      '::',
    ];
    let seed = 7;
    const next = () => (seed = (seed * 1103515245 + 12345) % 2147483648);
    for (let round = 0; round < 2000; round++) {
      const text = Array.from({ length: next() % 12 }, () => pieces[next() % pieces.length]).join('');
      expect(
        tokenize(text)
          .map((token) => token.text)
          .join('')
      ).toBe(text);
    }
  });
});

test('stringPrefix undoubles quotes and stops at the cursor', () => {
  const [token] = tokenize("'it''s all'");
  expect(stringPrefix(token, 6)).toBe("it's");
  expect(stringPrefix(token, token.end)).toBe("it's all");
});

test('identifiers are quoted where they must be', () => {
  expect(['key_arn', 'order', 'Key', 'a b', 'x"y'].map(identifier)).toEqual([
    'key_arn',
    '"order"',
    '"Key"',
    '"a b"',
    '"x""y"',
  ]);
  expect(literal("it's")).toBe("'it''s'");
});
