import { css } from '@emotion/css';
import { GrafanaTheme2, MetricFindValue, QueryEditorProps } from '@grafana/data';
import { Alert, Combobox, Field, LoadingPlaceholder, Text, TextArea, useStyles2 } from '@grafana/ui';
import React, { useCallback, useEffect, useId, useState } from 'react';
import type { DataSource } from '../datasource';
import { TextInput } from '../editor/parts/TextInput';
import { MAX_VALUES } from './find';
import { readVariableQuery, VARIABLE_KINDS } from './kinds';
import { KmsOptions, KmsQuery, KmsVariableQuery, SchemaTable, VariableKind } from '../types';
import { useAnswer } from '../useAnswer';
import { chosen } from '../editor/parts/chosen';

type Props = QueryEditorProps<DataSource, KmsQuery, KmsOptions, KmsVariableQuery>;

const WIDTH = 40;
const SHOWN = 20;

/** Chooses what a dashboard variable lists, and shows it. */
export function VariableEditor({ datasource, query: saved, onChange, range }: Props) {
  const styles = useStyles2(getStyles);
  const query = readVariableQuery(saved);
  const change = (part: Partial<KmsVariableQuery>) => onChange({ ...query, ...part });
  return (
    <div className={styles.editor}>
      <KindField kind={query.variable} onChange={(variable) => change({ variable })} />
      {query.variable === 'column' && <ColumnFields datasource={datasource} query={query} onChange={change} />}
      {query.variable === 'sql' ? (
        <SqlField sql={query.sql ?? ''} onChange={(sql) => change({ sql })} />
      ) : (
        <SearchField search={query.search ?? ''} onChange={(search) => change({ search: search || undefined })} />
      )}
      <Values datasource={datasource} query={query} range={range} />
    </div>
  );
}

function KindField({ kind, onChange }: { kind: VariableKind; onChange: (kind: VariableKind) => void }) {
  const id = useId();
  return (
    <Field
      label="List"
      htmlFor={id}
      description="Filter macros such as $__accountFilter(column) find variables named account, region, key and principal by themselves."
    >
      <Combobox
        id={id}
        width={WIDTH}
        options={VARIABLE_KINDS}
        value={kind}
        onChange={chosen(({ value }) => onChange(value))}
      />
    </Field>
  );
}

interface PartProps {
  datasource: DataSource;
  query: KmsVariableQuery;
  onChange: (part: Partial<KmsVariableQuery>) => void;
}

function ColumnFields({ datasource, query, onChange }: PartProps) {
  const tableId = useId();
  const columnId = useId();
  const {
    value: schema,
    error,
    loading,
  } = useAnswer(useCallback((signal: AbortSignal) => datasource.resources.schema(signal), [datasource]));
  const tables = schema?.tables ?? [];
  const table = tables.find(({ name }) => name === query.table);
  return (
    <>
      <Field label="Table" htmlFor={tableId} error={error} invalid={Boolean(error)}>
        <Combobox
          id={tableId}
          width={WIDTH}
          loading={loading}
          placeholder="Choose a table"
          options={tables.map(({ name, description }) => ({ value: name, description }))}
          value={query.table ?? null}
          onChange={chosen(({ value }) => onChange({ table: value, column: keptColumn(tables, value, query.column) }))}
        />
      </Field>
      <Field label="Column" htmlFor={columnId}>
        <Combobox
          id={columnId}
          width={WIDTH}
          disabled={!query.table}
          placeholder={query.table ? 'Choose a column' : 'Choose a table first'}
          options={(table?.columns ?? []).map(({ name, description }) => ({ value: name, description }))}
          value={query.column ?? null}
          onChange={chosen(({ value }) => onChange({ column: value }))}
        />
      </Field>
    </>
  );
}

/** The column stays when the other table has it too. */
function keptColumn(tables: SchemaTable[], table: string, column?: string): string | undefined {
  return tables.find(({ name }) => name === table)?.columns.find(({ name }) => name === column)?.name;
}

function SearchField({ search, onChange }: { search: string; onChange: (search: string) => void }) {
  const id = useId();
  return (
    <Field
      label="Containing"
      htmlFor={id}
      description="Only values with this text. $__searchFilter stands for what is typed in the variable's menu: use it when there are very many."
    >
      <TextInput id={id} width={WIDTH} placeholder="all" value={search} onChange={onChange} />
    </Field>
  );
}

const SQL_EXAMPLE = `SELECT DISTINCT key_arn AS value, coalesce(aliases, key_arn) AS text
FROM keys
WHERE $__accountFilter(account_id)`;

function SqlField({ sql, onChange }: { sql: string; onChange: (sql: string) => void }) {
  const id = useId();
  const styles = useStyles2(getStyles);
  const [text, setText] = useState(sql);
  return (
    <Field
      label="SQL"
      htmlFor={id}
      description="The columns value and text, or the first column. Macros and other variables work as in panels."
    >
      <TextArea
        id={id}
        rows={5}
        spellCheck={false}
        className={styles.sql}
        value={text}
        placeholder={SQL_EXAMPLE}
        onChange={({ currentTarget }) => setText(currentTarget.value)}
        onBlur={() => text !== sql && onChange(text)}
      />
    </Field>
  );
}

function Values({ datasource, query, range }: Pick<Props, 'datasource' | 'range'> & { query: KmsVariableQuery }) {
  const styles = useStyles2(getStyles);
  const asked = JSON.stringify(query);
  const late = useLate(asked, 300);
  const {
    value: values,
    error,
    loading,
  } = useAnswer(
    useCallback(
      () => datasource.metricFindQuery(JSON.parse(late), { range }),
      // A range that moves on by itself is no new question.
      // eslint-disable-next-line react-hooks/exhaustive-deps
      [datasource, late]
    )
  );
  if (error) {
    return (
      <Alert title="The values cannot be listed" severity="error">
        {error}
      </Alert>
    );
  }
  return (
    <section aria-label="Values" aria-busy={loading} className={styles.values}>
      <div role="status">
        {values ? (
          <Text color="secondary" variant="bodySmall">
            {summary(values)}
          </Text>
        ) : (
          <LoadingPlaceholder text="Looking for values…" />
        )}
      </div>
      {values && values.length > 0 && <ValueTable values={values} />}
    </section>
  );
}

function summary({ length }: MetricFindValue[]): string {
  if (length === 0) {
    return 'No values. A longer time range, or less to contain, may have some.';
  }
  const more = length >= MAX_VALUES ? `The first ${MAX_VALUES} values` : length === 1 ? '1 value' : `${length} values`;
  return length > SHOWN ? `${more}; these are the first ${SHOWN}.` : `${more}.`;
}

function ValueTable({ values }: { values: MetricFindValue[] }) {
  const styles = useStyles2(getStyles);
  return (
    // A region that scrolls has to be reachable with the keyboard.
    <div className={styles.scroll} role="region" aria-label="List of values" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Shown</th>
            <th scope="col">Used</th>
          </tr>
        </thead>
        <tbody>
          {values.slice(0, SHOWN).map(({ text, value }) => (
            <tr key={String(value)}>
              <td>{text}</td>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A value that is taken over only when it stays the same for a while. */
function useLate<T>(value: T, milliseconds: number): T {
  const [late, setLate] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setLate(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return late;
}

const getStyles = (theme: GrafanaTheme2) => ({
  editor: css({ marginTop: theme.spacing(2) }),
  sql: css({ fontFamily: theme.typography.fontFamilyMonospace, fontSize: theme.typography.bodySmall.fontSize }),
  values: css({ marginBottom: theme.spacing(2) }),
  scroll: css({
    marginTop: theme.spacing(1),
    maxHeight: 240,
    overflow: 'auto',
    fontSize: theme.typography.bodySmall.fontSize,
    'th, td': { padding: theme.spacing(0.25, 2, 0.25, 0), textAlign: 'left', verticalAlign: 'top' },
    th: { color: theme.colors.text.secondary, fontWeight: theme.typography.fontWeightMedium },
    'td + td': { fontFamily: theme.typography.fontFamilyMonospace, overflowWrap: 'anywhere' },
  }),
});
