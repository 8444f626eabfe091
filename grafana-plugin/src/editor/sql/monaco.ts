import type { Monaco, MonacoEditor, monacoTypes } from '@grafana/ui';

import type { Value } from '../../types';

import {
  complete,
  type Suggestion,
  type SuggestionKind,
  type ValueRequest,
  valueSuggestion,
  type Vocabulary,
} from './complete';
import { format } from './format';
import { hover, signatureAt } from './hover';
import { language, languageConfiguration, languageId } from './language';
import type { Place } from './markers';

type Disposable = monacoTypes.IDisposable;
type Model = monacoTypes.editor.ITextModel;

/** Who marks errors, so that a marker of somebody else stays. */
const owner = languageId;

/** What an editor knows; each has its own, so that editors on a page do not mix. */
export interface Knowledge {
  vocabulary(): Vocabulary;
  values(request: ValueRequest, signal: AbortSignal): Promise<Value[]>;
}

/** Makes the language known; languages stay, so only once on a page. */
export function registerLanguage(monaco: Monaco) {
  if (monaco.languages.getLanguages().some((known) => known.id === languageId)) {
    return;
  }
  monaco.languages.register({ id: languageId });
  monaco.languages.setMonarchTokensProvider(languageId, language);
  monaco.languages.setLanguageConfiguration(languageId, languageConfiguration);
}

/** Gives an editor completion, hovers, signatures and formatting of its own text only, until disposed. */
export function attach(editor: MonacoEditor, monaco: Monaco, knowledge: Knowledge): Disposable {
  const mine = (model: Model) => editor.getModel() === model;
  const disposables = [
    monaco.languages.registerCompletionItemProvider(languageId, {
      triggerCharacters: ['.', '$', "'", '(', ' '],
      provideCompletionItems: (model, position, context, token) =>
        mine(model) ? items(monaco, model, position, context, token, knowledge) : undefined,
    }),
    monaco.languages.registerHoverProvider(languageId, {
      provideHover: (model, position) => {
        const found = mine(model) && hover(textOf(model), model.getOffsetAt(position), knowledge.vocabulary());
        return found
          ? { range: rangeOf(model, found.start, found.end), contents: found.contents.map((value) => ({ value })) }
          : undefined;
      },
    }),
    monaco.languages.registerSignatureHelpProvider(languageId, {
      signatureHelpTriggerCharacters: ['(', ','],
      provideSignatureHelp: (model, position) => {
        const found = mine(model) && signatureAt(textOf(model), model.getOffsetAt(position), knowledge.vocabulary());
        if (!found) {
          return undefined;
        }
        const parameters = found.parameters.map((label) => ({ label }));
        return {
          value: {
            signatures: [{ label: found.label, documentation: { value: found.documentation }, parameters }],
            activeSignature: 0,
            activeParameter: found.active,
          },
          dispose: () => undefined,
        };
      },
    }),
    monaco.languages.registerDocumentFormattingEditProvider(languageId, {
      provideDocumentFormattingEdits: (model) =>
        mine(model) ? [{ range: model.getFullModelRange(), text: format(textOf(model)) }] : undefined,
    }),
  ];
  return { dispose: () => disposables.forEach((disposable) => disposable.dispose()) };
}

/** Underlines an error in an editor, or takes the underline away. */
export function mark(editor: MonacoEditor, monaco: Monaco, place: Place | undefined) {
  const model = editor.getModel();
  if (model) {
    const severity = monaco.MarkerSeverity.Error;
    monaco.editor.setModelMarkers(model, owner, place ? [{ ...place, severity }] : []);
  }
}

/**
 * Lets the keyboard out: after Escape the next Tab, or Shift+Tab, moves the focus on. Escape that closes a list of
 * suggestions counts too, which does no harm: any other key takes it back.
 */
export function releaseTab(editor: MonacoEditor, monaco: Monaco): Disposable {
  let released = false;
  return editor.onKeyDown((event) => {
    switch (event.keyCode) {
      case monaco.KeyCode.Escape:
        released = true;
        break;
      case monaco.KeyCode.Shift:
        break;
      case monaco.KeyCode.Tab:
        if (released) {
          // The browser does with it what it does everywhere.
          event.stopPropagation();
        }
        break;
      default:
        released = false;
    }
  });
}

/** Line ends as one character: offsets of the model count them so with LF. */
function textOf(model: Model): string {
  return model.getValue();
}

function rangeOf(model: Model, start: number, end: number): monacoTypes.IRange {
  const from = model.getPositionAt(start);
  const to = model.getPositionAt(end);
  return {
    startLineNumber: from.lineNumber,
    startColumn: from.column,
    endLineNumber: to.lineNumber,
    endColumn: to.column,
  };
}

/** Keystrokes in quick succession ask for values once. */
const valueDelay = 150;

async function items(
  monaco: Monaco,
  model: Model,
  position: monacoTypes.Position,
  context: monacoTypes.languages.CompletionContext,
  token: monacoTypes.CancellationToken,
  knowledge: Knowledge
): Promise<monacoTypes.languages.CompletionList | undefined> {
  const text = textOf(model);
  const offset = model.getOffsetAt(position);
  const found = complete(text, offset, knowledge.vocabulary());
  let { suggestions } = found;
  // A space opens the list only where it says something that one waits for.
  if (context.triggerCharacter === ' ' && suggestions.some((suggestion) => suggestion.kind === 'keyword')) {
    return undefined;
  }
  if (found.values) {
    const values = await asked(knowledge, found.values, token);
    if (!values) {
      return undefined;
    }
    suggestions = values.map(valueSuggestion);
  }
  const start = model.getPositionAt(found.start);
  const end = model.getPositionAt(found.end);
  // Monaco replaces within one line only.
  const startColumn = start.lineNumber === position.lineNumber ? start.column : position.column;
  const endColumn = end.lineNumber === position.lineNumber ? end.column : position.column;
  const range = { startLineNumber: position.lineNumber, startColumn, endLineNumber: position.lineNumber, endColumn };
  return {
    incomplete: found.values !== undefined,
    suggestions: suggestions.map((suggestion) => item(monaco, suggestion, range)),
  };
}

async function asked(
  knowledge: Knowledge,
  request: ValueRequest,
  token: monacoTypes.CancellationToken
): Promise<Value[] | undefined> {
  const controller = new AbortController();
  const listening = token.onCancellationRequested(() => controller.abort());
  try {
    await new Promise((resolve) => setTimeout(resolve, valueDelay));
    return token.isCancellationRequested ? undefined : await knowledge.values(request, controller.signal);
  } catch {
    // No values to offer: writing goes on, the statement's own check tells what is wrong.
    return undefined;
  } finally {
    listening.dispose();
  }
}

function item(monaco: Monaco, suggestion: Suggestion, range: monacoTypes.IRange): monacoTypes.languages.CompletionItem {
  const { label, detail, documentation, insert, stops, rank } = suggestion;
  return {
    label,
    kind: kindOf(monaco, suggestion.kind),
    detail,
    documentation: documentation ? { value: documentation } : undefined,
    insertText: insert,
    insertTextRules: stops ? monaco.languages.CompletionItemInsertTextRule.InsertAsSnippet : undefined,
    // A key is found by its alias as well as by its ARN.
    filterText: suggestion.kind === 'value' ? `${insert} ${label}` : undefined,
    sortText: String(rank).padStart(4, '0') + label.toLowerCase(),
    range,
    // What a macro is about comes next.
    command: suggestion.kind === 'macro' && stops ? { id: 'editor.action.triggerSuggest', title: '' } : undefined,
  };
}

function kindOf(monaco: Monaco, kind: SuggestionKind): monacoTypes.languages.CompletionItemKind {
  const kinds = monaco.languages.CompletionItemKind;
  switch (kind) {
    case 'table':
      return kinds.Struct;
    case 'column':
      return kinds.Field;
    case 'alias':
    case 'variable':
      return kinds.Variable;
    case 'function':
      return kinds.Function;
    case 'macro':
      return kinds.Method;
    case 'snippet':
      return kinds.Snippet;
    case 'value':
      return kinds.Value;
    default:
      return kinds.Keyword;
  }
}
