import { css, cx } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { Button, Combobox, FilterInput, Input, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import React, { useState } from 'react';

import type { DataSource } from '../datasource';
import type { NamedQuery, NamedQueryCall } from '../types';
import { rangeOf } from './BuilderEditor';
import { isVariable } from './model/builder';
import { carryParams, choicesOf, inputOf, labelOf, type Param, searchNamed, wrongParam } from './model/params';
import type { Panel } from './parts/hooks';
import { Cell, Cells } from './parts/layout';
import { firstSentence, sentence } from './parts/text';
import { TextInput } from './parts/TextInput';
import { ValuePicker } from './parts/ValuePicker';

/** Values that have a name for people. */
const namedKinds = new Set<string>(['account', 'key', 'principal', 'detector']);

interface Props {
  id: string;
  named: NamedQueryCall | undefined;
  queries: NamedQuery[] | undefined;
  datasource: DataSource;
  variables: readonly string[];
  panel: Panel;
  onChange: (named: NamedQueryCall) => void;
}

/** Chooses a ready-made question and what it is asked about. */
export function NamedEditor(props: Props) {
  const { named, queries, onChange } = props;
  const styles = useStyles2(getStyles);
  const [listed, setListed] = useState(!named?.id);
  const query = queries?.find((candidate) => candidate.id === named?.id);
  return (
    <div className={styles.editor}>
      {listed || !named?.id ? (
        <QueryList
          {...props}
          onPick={(picked) => {
            setListed(false);
            onChange({ id: picked.id, params: carryParams(picked, named?.params) });
          }}
        />
      ) : (
        <>
          <div className={styles.chosen}>
            <div className={styles.about}>
              <div className={styles.heading}>
                {query?.title ?? named.id} <code className={styles.id}>{named.id}</code>
              </div>
              {query && <Description query={query} />}
              {queries && !query && <div className={styles.problem}>The server has no query {named.id}.</div>}
            </div>
            <Button size="sm" variant="secondary" fill="outline" icon="search" onClick={() => setListed(true)}>
              Choose another
            </Button>
          </div>
          {query && query.params.length > 0 && (
            <Cells label="Parameters">
              {query.params.map((param) => (
                <ParamField key={param.name} {...props} param={param} named={named} />
              ))}
            </Cells>
          )}
          {query && <Columns query={query} />}
        </>
      )}
    </div>
  );
}

interface ListProps extends Props {
  onPick: (query: NamedQuery) => void;
}

/** All queries, searched by what they say about themselves. */
function QueryList({ id, named, queries, onPick }: ListProps) {
  const styles = useStyles2(getStyles);
  const [search, setSearch] = useState('');
  const found = searchNamed(queries ?? [], search);
  return (
    <div className={styles.editor}>
      <FilterInput
        id={`${id}-search`}
        aria-label="Search named queries"
        placeholder="Search: denied, unused, quota, grants …"
        value={search}
        onChange={setSearch}
        escapeRegex={false}
      />
      <ul className={styles.list} aria-label="Named queries">
        {found.map((query) => (
          <li key={query.id}>
            <button
              type="button"
              className={cx(styles.option, query.id === named?.id && styles.current)}
              aria-current={query.id === named?.id ? 'true' : undefined}
              onClick={() => onPick(query)}
            >
              <span className={styles.heading}>
                {query.title} <code className={styles.id}>{query.id}</code>
              </span>
              <span className={styles.text}>{firstSentence(query.description)}</span>
              <span className={styles.grain}>{sentence(query.grain)}</span>
            </button>
          </li>
        ))}
      </ul>
      <div role="status" className={styles.text}>
        {queries
          ? found.length === 0
            ? `No query matches “${search}”.`
            : `${found.length} queries`
          : 'Asking the server …'}
      </div>
    </div>
  );
}

function Description({ query }: { query: NamedQuery }) {
  const styles = useStyles2(getStyles);
  return (
    <>
      <div className={styles.text}>{query.description}</div>
      <div className={styles.grain}>{sentence(query.grain)}</div>
    </>
  );
}

interface ParamProps extends Props {
  param: Param;
  named: NamedQueryCall;
}

function ParamField(props: ParamProps) {
  const { id, param, named } = props;
  const value = named.params[param.name];
  const fieldId = `${id}-param-${param.name}`;
  const wide = ['account', 'key', 'principal', 'text'].includes(inputOf(param));
  return (
    <Cell
      label={param.required ? `${labelOf(param)} *` : labelOf(param)}
      htmlFor={fieldId}
      width={wide ? 320 : 200}
      description={param.doc}
      // What has not been touched yet is no mistake of anybody.
      error={value ? wrongParam(param, value) : undefined}
    >
      <ParamInput {...props} fieldId={fieldId} value={value} />
    </Cell>
  );
}

function ParamInput({
  param,
  named,
  fieldId,
  value,
  datasource,
  variables,
  panel,
  onChange,
}: ParamProps & { fieldId: string; value: string | undefined }) {
  const set = (text: string | undefined) => {
    const { [param.name]: _, ...params } = named.params;
    onChange({ ...named, params: text ? { ...params, [param.name]: text } : params });
  };
  const input = inputOf(param);
  const placeholder = param.default ?? (param.required ? 'Required' : 'All');
  const invalid = Boolean(value && wrongParam(param, value));
  switch (input) {
    case 'integer':
    case 'number':
    case 'days':
    case 'timestamp':
    case 'text':
      return (
        <TextInput
          id={fieldId}
          value={value}
          placeholder={placeholder}
          invalid={invalid}
          inputMode={input === 'text' || input === 'timestamp' ? 'text' : 'decimal'}
          onChange={set}
        />
      );
    case 'boolean':
      return value && isVariable(value) ? (
        <Input id={fieldId} value={value} readOnly />
      ) : (
        <RadioButtonGroup
          id={fieldId}
          options={[
            { value: '', label: `Default${param.default ? ` (${param.default})` : ''}` },
            { value: 'true', label: 'True' },
            { value: 'false', label: 'False' },
          ]}
          value={value?.toLowerCase() ?? ''}
          onChange={set}
        />
      );
    case 'choice':
      return (
        <Combobox
          id={fieldId}
          options={[...(choicesOf(param) ?? []), ...variables.map((name) => `$${name}`)].map((choice) => ({
            value: choice,
            label: choice,
          }))}
          value={value ?? null}
          placeholder={placeholder}
          createCustomValue
          isClearable
          onChange={(option) => set(option?.value)}
        />
      );
    default:
      return (
        <ValuePicker
          id={fieldId}
          load={(search) => datasource.resources.values(input, { search, ...rangeOf(panel) })}
          named={namedKinds.has(input)}
          variables={variables}
          value={value}
          placeholder={placeholder}
          invalid={invalid}
          clearable
          onChange={set}
        />
      );
  }
}

/** What the columns of the result mean. */
function Columns({ query }: { query: NamedQuery }) {
  const styles = useStyles2(getStyles);
  return (
    <details className={styles.details}>
      <summary>
        {query.columns.length} columns: {query.columns.map((column) => column.name).join(', ')}
      </summary>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">Column</th>
            <th scope="col">Type</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          {query.columns.map(({ name, type, doc }) => (
            <tr key={name}>
              <td>
                <code>{name}</code>
              </td>
              <td>{type}</td>
              <td>{doc}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  editor: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(1) }),
  chosen: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'flex-start', gap: theme.spacing(1) }),
  about: css({ flex: '1 1 320px' }),
  heading: css({ fontWeight: theme.typography.fontWeightMedium, color: theme.colors.text.primary }),
  id: css({ fontSize: theme.typography.bodySmall.fontSize, fontWeight: theme.typography.fontWeightRegular }),
  text: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  grain: css({
    color: theme.colors.text.secondary,
    fontSize: theme.typography.bodySmall.fontSize,
    fontStyle: 'italic',
  }),
  problem: css({ color: theme.colors.error.text }),
  list: css({
    listStyle: 'none',
    margin: 0,
    maxHeight: 320,
    overflow: 'auto',
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
  }),
  option: css({
    display: 'flex',
    flexDirection: 'column',
    width: '100%',
    padding: theme.spacing(0.75, 1),
    textAlign: 'left',
    border: 'none',
    background: 'none',
    '&:hover': { background: theme.colors.action.hover },
    '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: -2 },
  }),
  current: css({ background: theme.colors.action.selected }),
  details: css({
    color: theme.colors.text.secondary,
    fontSize: theme.typography.bodySmall.fontSize,
    summary: { cursor: 'pointer', overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  }),
  table: css({
    marginTop: theme.spacing(0.5),
    'th, td': { padding: theme.spacing(0.25, 1.5, 0.25, 0), textAlign: 'left', verticalAlign: 'top' },
    th: { color: theme.colors.text.primary },
  }),
});
