import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { Button, CodeEditor, type Monaco, type MonacoEditor, useStyles2 } from '@grafana/ui';
import React, { useEffect, useRef, useState } from 'react';

import type { DataSource } from '../datasource';
import type { KmsQuery, Macro, Schema } from '../types';
import { rangeOf } from './BuilderEditor';
import { valueKindOf } from './model/builder';
import { Confirm } from './parts/Confirm';
import { askPreview, type Panel, type Previewed, usePreview } from './parts/hooks';
import { SqlPreview } from './parts/SqlPreview';
import type { ValueRequest, Vocabulary } from './sql/complete';
import { format } from './sql/format';
import { languageId } from './sql/language';
import { errorOf, placeOf } from './sql/markers';
import { attach, mark, registerLanguage, releaseTab } from './sql/monaco';

interface Props {
  id: string;
  query: KmsQuery;
  schema: Schema | undefined;
  macros: Macro[] | undefined;
  datasource: DataSource;
  variables: readonly string[];
  panel: Panel;
  /** Message of the last run's error. */
  failure: string | undefined;
  onChange: (sql: string) => void;
  onRun: (sql: string) => void;
  /** Back to the builder, without the text. */
  onBack: () => void;
}

const checkDelay = 700;

/** Writes SQL. */
export function SqlEditor(props: Props) {
  const { id, query, datasource, panel, failure, onChange, onBack } = props;
  const styles = useStyles2(getStyles);
  const sql = query.sql ?? '';
  const [expanded, setExpanded] = useState(false);
  const previewed = usePreview(datasource, query, panel, {
    wanted: sql.trim() !== '',
    check: true,
    delay: checkDelay,
  });
  const editor = useMonaco(props, previewed, failure);
  const layOut = () => {
    const laidOut = format(sql);
    if (laidOut !== sql) {
      onChange(laidOut);
    }
  };
  return (
    <div className={styles.editor}>
      <div className={styles.code}>
        <CodeEditor
          language={languageId}
          value={sql}
          height="100%"
          showLineNumbers
          showMiniMap={false}
          monacoOptions={options}
          onBeforeEditorMount={registerLanguage}
          onEditorDidMount={editor.mounted}
          onEditorWillUnmount={editor.unmounted}
          onChange={editor.changed}
        />
      </div>
      <div className={styles.bar}>
        <Button size="sm" variant="secondary" fill="outline" icon="brackets-curly" disabled={!sql} onClick={layOut}>
          Format
        </Button>
        <Button
          size="sm"
          variant="secondary"
          fill="outline"
          icon={expanded ? 'angle-down' : 'angle-right'}
          aria-expanded={expanded}
          aria-controls={`${id}-expanded`}
          onClick={() => setExpanded(!expanded)}
        >
          Expanded SQL
        </Button>
        {query.builder && <BackButton {...props} onBack={onBack} />}
        <span className={styles.hint}>
          Ctrl+Enter or ⌘+Enter runs · Ctrl+Space completes · Esc, then Tab leaves the editor
        </span>
      </div>
      <Verdict previewed={previewed} empty={sql.trim() === ''} />
      <div id={`${id}-expanded`} hidden={!expanded}>
        {expanded && <SqlPreview previewed={previewed} expandedOnly />}
      </div>
    </div>
  );
}

const options = {
  ariaLabel: 'SQL. Press Escape and then Tab to leave the editor.',
  scrollBeyondLastLine: false,
  quickSuggestions: { other: true, comments: false, strings: true },
  // What is written elsewhere in the text is no vocabulary.
  wordBasedSuggestions: false,
  suggest: { showWords: false, preview: false },
  fixedOverflowWidgets: true,
  tabSize: 2,
  renderLineHighlight: 'none',
  folding: false,
} as const;

/** What the check says, in words: markers alone are not for everybody. */
function Verdict({ previewed: { preview, error }, empty }: { previewed: Previewed; empty: boolean }) {
  const styles = useStyles2(getStyles);
  const problem = preview?.error;
  const place =
    problem && problem.line > 0 ? `Line ${problem.line}${problem.column ? `, column ${problem.column}` : ''}: ` : '';
  const message = problem ? stripPlace(problem.message) : error;
  return (
    <div role="status" aria-live="polite">
      {!empty && message && (
        <div className={styles.problem}>
          {place}
          {message}
        </div>
      )}
      {!empty &&
        preview?.notices?.map((notice) => (
          <div key={notice} className={styles.hint}>
            {notice}
          </div>
        ))}
    </div>
  );
}

/** A message without the place that stands before it already. */
function stripPlace(message: string): string {
  return message.replace(/^line \d+,? column \d+:?\s*/i, '');
}

/** Binds an editor to what the query editor knows now. */
function useMonaco(props: Props, { preview }: Previewed, failure: string | undefined) {
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  const [mounted, setMounted] = useState<{ editor: MonacoEditor; monaco: Monaco }>();
  const cleanup = useRef<Array<() => void>>([]);
  const sql = props.query.sql ?? '';

  const checked = preview?.error;
  const problem = checked ?? (failure ? errorOf(failure) : undefined);
  const place = problem && placeOf(problem, sql);
  const placed = JSON.stringify(place);
  useEffect(() => {
    if (mounted) {
      mark(mounted.editor, mounted.monaco, placed ? JSON.parse(placed) : undefined);
    }
  }, [mounted, placed]);

  return {
    mounted: (editor: MonacoEditor, monaco: Monaco) => {
      const attached = attach(editor, monaco, {
        vocabulary: () => vocabularyOf(latest.current),
        values: (request, signal) => valuesOf(latest.current, request, signal),
      });
      const released = releaseTab(editor, monaco);
      const action = editor.addAction({
        id: 'kmstrail-run',
        label: 'Run query',
        keybindings: [monaco.KeyMod.CtrlCmd | monaco.KeyCode.Enter],
        run: () => latest.current.onRun(editor.getValue()),
      });
      const model = editor.getModel();
      // The model outlives the editor if nobody ends it.
      cleanup.current = [attached, released, action].map((each) => () => each.dispose());
      cleanup.current.push(() => setTimeout(() => model?.dispose()));
      setMounted({ editor, monaco });
    },
    unmounted: () => {
      cleanup.current.forEach((end) => end());
      cleanup.current = [];
    },
    changed: (text: string) => {
      if (text !== (latest.current.query.sql ?? '')) {
        latest.current.onChange(text);
      }
    },
  };
}

function vocabularyOf({ schema, macros, variables }: Props): Vocabulary {
  return {
    tables: schema?.tables ?? [],
    functions: schema?.functions ?? [],
    macros: macros ?? [],
    variables,
  };
}

function valuesOf({ datasource, panel }: Props, { table, column, search }: ValueRequest, signal: AbortSignal) {
  const asked = { search, ...rangeOf(panel) };
  const kind = valueKindOf(column);
  return kind
    ? datasource.resources.values(kind, asked, signal)
    : datasource.resources.columnValues(table, column, asked, signal);
}

/** Back to the builder; says what is lost when the text is not the builder's any more. */
function BackButton({ query, datasource, panel, onBack }: Props) {
  const [asking, setAsking] = useState(false);
  const [comparing, setComparing] = useState(false);
  const back = async () => {
    setComparing(true);
    const edited = await isEdited(datasource, query, panel);
    setComparing(false);
    if (edited) {
      setAsking(true);
    } else {
      onBack();
    }
  };
  return (
    <>
      <Button size="sm" variant="secondary" fill="outline" icon="arrow-left" disabled={comparing} onClick={back}>
        Back to builder
      </Button>
      <Confirm
        isOpen={asking}
        title="Back to the builder"
        confirmText="Drop edits and go back"
        dismissText="Stay in SQL"
        destructive
        onConfirm={() => {
          setAsking(false);
          onBack();
        }}
        onDismiss={() => setAsking(false)}
      >
        <p>The builder shows the query as it was before you edited it as SQL. Your edits of the SQL are lost.</p>
      </Confirm>
    </>
  );
}

/** Whether the SQL is something else than the builder writes; where that cannot be known, it is. */
async function isEdited(datasource: DataSource, query: KmsQuery, panel: Panel): Promise<boolean> {
  const sql = query.sql?.trim();
  if (!sql) {
    return false;
  }
  try {
    const { sql: built } = await askPreview(datasource, { ...query, kind: 'builder' }, panel, false);
    return built.trim() !== sql;
  } catch {
    return true;
  }
}

const getStyles = (theme: GrafanaTheme2) => ({
  editor: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(0.5) }),
  code: css({
    height: 220,
    minHeight: 96,
    maxHeight: '80vh',
    overflow: 'hidden',
    resize: 'vertical',
    '> div': { height: '100%' },
  }),
  bar: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(1) }),
  hint: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  problem: css({ color: theme.colors.error.text, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }),
});
