import type { monacoTypes } from '@grafana/ui';

import { keywordSet } from './keywords';

/** A language of our own: completion of other SQL datasources on the page does not come into it. */
export const languageId = 'kmstrail-sql';

export const languageConfiguration: monacoTypes.languages.LanguageConfiguration = {
  comments: { lineComment: '--', blockComment: ['/*', '*/'] },
  brackets: [
    ['(', ')'],
    ['[', ']'],
    ['{', '}'],
  ],
  autoClosingPairs: [
    { open: '(', close: ')' },
    { open: '[', close: ']' },
    { open: '{', close: '}' },
    { open: "'", close: "'", notIn: ['string', 'comment'] },
    { open: '"', close: '"', notIn: ['string', 'comment'] },
  ],
  surroundingPairs: [
    { open: '(', close: ')' },
    { open: '[', close: ']' },
    { open: "'", close: "'" },
    { open: '"', close: '"' },
  ],
  // A macro is one word, dollar and all.
  wordPattern: /\$\{?\w*\}?|[A-Za-z_]\w*|\d+/,
};

export const language: monacoTypes.languages.IMonarchLanguage = {
  ignoreCase: true,
  defaultToken: '',
  keywords: [...keywordSet],
  tokenizer: {
    root: [
      [/--.*$/, 'comment'],
      [/\/\*/, 'comment', '@comment'],
      [/\$__\w+/, 'predefined'],
      [/\$\{[^}]*\}/, 'variable'],
      [/\$(\w*)\$/, { token: 'string', next: '@dollar.$1' }],
      [/\$\w+/, 'variable'],
      [/e'/, 'string', '@escaped'],
      [/'/, 'string', '@string'],
      [/"/, 'identifier.quote', '@quoted'],
      [/[a-z_]\w*(?=\s*\()/, { cases: { '@keywords': 'keyword', '@default': 'predefined' } }],
      [/[a-z_]\w*/, { cases: { '@keywords': 'keyword', '@default': 'identifier' } }],
      [/\d[\d_]*(\.\d*)?(e[-+]?\d+)?/, 'number'],
      [/[()[\]{}]/, '@brackets'],
      [/[<>=!%&+\-*/|~^:]/, 'operator'],
      [/[;,.]/, 'delimiter'],
    ],
    comment: [
      [/[^/*]+/, 'comment'],
      [/\/\*/, 'comment', '@push'],
      [/\*\//, 'comment', '@pop'],
      [/[/*]/, 'comment'],
    ],
    string: [
      [/[^']+/, 'string'],
      [/''/, 'string'],
      [/'/, 'string', '@pop'],
    ],
    escaped: [
      [/[^\\']+/, 'string'],
      [/\\./, 'string.escape'],
      [/''/, 'string'],
      [/'/, 'string', '@pop'],
    ],
    quoted: [
      [/[^"]+/, 'identifier'],
      [/""/, 'identifier'],
      [/"/, 'identifier.quote', '@pop'],
    ],
    dollar: [
      [/\$(\w*)\$/, { cases: { '$1==$S2': { token: 'string', next: '@pop' }, '@default': 'string' } }],
      [/[^$]+/, 'string'],
      [/\$/, 'string'],
    ],
  },
};
