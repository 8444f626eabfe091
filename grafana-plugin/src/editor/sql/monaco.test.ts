import type { Monaco, MonacoEditor } from '@grafana/ui';

import { vocabulary } from '../testing';
import { languageId } from './language';
import { attach, type Knowledge, mark, registerLanguage, releaseTab } from './monaco';

type Provider = Record<string, (...args: never[]) => unknown>;

/** As much of Monaco as the providers touch. */
function fakeMonaco() {
  const providers: Provider[] = [];
  const register = (_: string, provider: Provider) => {
    providers.push(provider);
    return { dispose: () => providers.splice(providers.indexOf(provider), 1) };
  };
  const known: Array<{ id: string }> = [];
  const markers: unknown[] = [];
  const monaco = {
    languages: {
      getLanguages: () => known,
      register: (language: { id: string }) => known.push(language),
      setMonarchTokensProvider: jest.fn(),
      setLanguageConfiguration: jest.fn(),
      registerCompletionItemProvider: register,
      registerHoverProvider: register,
      registerSignatureHelpProvider: register,
      registerDocumentFormattingEditProvider: register,
      CompletionItemKind: { Struct: 1, Field: 2 },
      CompletionItemInsertTextRule: { InsertAsSnippet: 4 },
    },
    editor: { setModelMarkers: (...args: unknown[]) => markers.push(args) },
    MarkerSeverity: { Error: 8 },
    KeyCode: { Escape: 9, Tab: 2, Shift: 4 },
  };
  return { monaco: monaco as unknown as Monaco, providers, known, markers };
}

function fakeEditor(text: string) {
  const position = { lineNumber: 1, column: text.length + 1 };
  const model = {
    getValue: () => text,
    getOffsetAt: () => text.length,
    getPositionAt: (offset: number) => ({ lineNumber: 1, column: offset + 1 }),
    getFullModelRange: () => ({}),
  };
  let pressed: (event: object) => void = () => undefined;
  const editor = {
    getModel: () => model,
    onKeyDown: (listener: typeof pressed) => {
      pressed = listener;
      return { dispose: () => undefined };
    },
  };
  return { editor: editor as unknown as MonacoEditor, model, position, press: (event: object) => pressed(event) };
}

const cancellation = (isCancellationRequested = false) => ({
  isCancellationRequested,
  onCancellationRequested: () => ({ dispose: () => undefined }),
});

const knowledge = (name: string): Knowledge => ({
  vocabulary: () => ({ ...vocabulary, tables: [{ ...vocabulary.tables[0], name }] }),
  values: async () => [{ text: `value of ${name}`, value: name }],
});

interface List {
  incomplete: boolean;
  suggestions: Array<{ label: string; insertText: string; range: object }>;
}

/** Suggestions of all providers on the page for a place in an editor. */
async function suggestions(providers: Provider[], { model, position }: ReturnType<typeof fakeEditor>, character = '') {
  const asking = providers
    .filter((provider) => provider.provideCompletionItems)
    .map((provider) =>
      (provider.provideCompletionItems as unknown as (...args: unknown[]) => Promise<List | undefined>)(
        model,
        position,
        { triggerCharacter: character },
        cancellation()
      )
    );
  return (await Promise.all(asking)).filter((list) => list !== undefined);
}

test('editors on a page answer for their own text only', async () => {
  const { monaco, providers } = fakeMonaco();
  const first = fakeEditor('select * from ');
  const second = fakeEditor('select * from ');
  attach(first.editor, monaco, knowledge('mine'));
  attach(second.editor, monaco, knowledge('yours'));
  const labels = (await suggestions(providers, second)).flatMap((list) => list.suggestions.map(({ label }) => label));
  expect(labels).toEqual(['yours']);
});

test('nothing is left when an editor goes', () => {
  const { monaco, providers } = fakeMonaco();
  const attached = attach(fakeEditor('').editor, monaco, knowledge('mine'));
  expect(providers).toHaveLength(4);
  attached.dispose();
  expect(providers).toHaveLength(0);
});

test('the language is registered once', () => {
  const { monaco, known } = fakeMonaco();
  registerLanguage(monaco);
  registerLanguage(monaco);
  expect(known).toEqual([{ id: languageId }]);
});

test('values are asked for and replace what stands in quotes', async () => {
  const { monaco, providers } = fakeMonaco();
  const editor = fakeEditor("select * from mine where event_name = 'De");
  attach(editor.editor, monaco, knowledge('mine'));
  const [list] = await suggestions(providers, editor);
  expect(list.incomplete).toBe(true);
  expect(list.suggestions).toMatchObject([
    { label: 'value of mine', insertText: 'mine', range: { startColumn: 40, endColumn: 42 } },
  ]);
});

test('a server without values is no error', async () => {
  const { monaco, providers } = fakeMonaco();
  const editor = fakeEditor("select * from mine where event_name = 'De");
  attach(editor.editor, monaco, { ...knowledge('mine'), values: () => Promise.reject(new Error('down')) });
  expect(await suggestions(providers, editor)).toEqual([]);
});

test('a space opens tables and nothing else', async () => {
  const { monaco, providers } = fakeMonaco();
  const from = fakeEditor('select * from ');
  const where = fakeEditor('select * from mine where ');
  attach(from.editor, monaco, knowledge('mine'));
  attach(where.editor, monaco, knowledge('mine'));
  expect(await suggestions(providers, from, ' ')).toHaveLength(1);
  expect(await suggestions(providers, where, ' ')).toEqual([]);
  expect(await suggestions(providers, where)).toHaveLength(1);
});

test('an error is marked as ours and taken away', () => {
  const { monaco, markers } = fakeMonaco();
  const { editor, model } = fakeEditor('select');
  const place = { message: 'no', startLineNumber: 1, startColumn: 1, endLineNumber: 1, endColumn: 2 };
  mark(editor, monaco, place);
  mark(editor, monaco, undefined);
  expect(markers).toEqual([
    [model, languageId, [{ ...place, severity: 8 }]],
    [model, languageId, []],
  ]);
});

test('Tab goes on after Escape, and belongs to the text otherwise', () => {
  const { monaco } = fakeMonaco();
  const { editor, press } = fakeEditor('');
  releaseTab(editor, monaco);
  const tab = () => {
    const event = { keyCode: 2, stopPropagation: jest.fn() };
    press(event);
    return event.stopPropagation.mock.calls.length === 1;
  };
  expect(tab()).toBe(false);
  press({ keyCode: 9 });
  press({ keyCode: 4 });
  expect(tab()).toBe(true);
  press({ keyCode: 9 });
  press({ keyCode: 65 });
  expect(tab()).toBe(false);
});
