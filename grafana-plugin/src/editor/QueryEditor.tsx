import { css } from '@emotion/css';
import { GrafanaTheme2, type QueryEditorProps } from '@grafana/data';
import { Alert, Button, Combobox, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import React, { useEffect, useId, useRef, useState } from 'react';

import type { DataSource } from '../datasource';
import type { Builder, KmsOptions, KmsQuery, QueryKind } from '../types';
import { BuilderEditor } from './BuilderEditor';
import { FindingsEditor, LifecycleEditor } from './FindingsEditor';
import { fills, formats, formatsOf, incomplete, isAlerting, kinds, normalise, prune, withKind } from './model/query';
import { type Template, withTemplate } from './model/templates';
import { NamedEditor } from './NamedEditor';
import { type Panel, useKnowledge, useVariables } from './parts/hooks';
import { Cell, Cells, HiddenLabel } from './parts/layout';
import { NumberInput } from './parts/NumberInput';
import { TemplatePicker } from './parts/TemplatePicker';
import { TextInput } from './parts/TextInput';
import { SqlEditor } from './SqlEditor';
import { chosen } from './parts/chosen';

export type Props = QueryEditorProps<DataSource, KmsQuery, KmsOptions>;

/** Whether a change runs the query at once: choices do, text that is being written does not. */
type Then = 'run' | 'wait';

/** The query editor of panels, alert rules, Explore and annotations. */
export function QueryEditor(props: Props) {
  const { datasource, app, data, range } = props;
  const styles = useStyles2(getStyles);
  const id = useId();
  const query = normalise(props.query, app);
  const variables = useVariables(!isAlerting(app));
  const knowledge = useKnowledge(datasource, true);
  const [before, setBefore] = useState<{ query: KmsQuery; title: string }>();
  const panel: Panel = {
    range,
    intervalMs: data?.request?.intervalMs,
    maxDataPoints: data?.request?.maxDataPoints,
  };

  const missing = (candidate: KmsQuery) =>
    incomplete(candidate, knowledge.named?.find(({ id: known }) => known === candidate.named?.id)?.params);

  const change = (next: KmsQuery, then: Then = 'run') => {
    setBefore(undefined);
    const saved = prune(next);
    props.onChange(saved);
    if (then === 'run' && !missing(saved)) {
      props.onRunQuery();
    }
  };
  useMigration(props, query);

  const pick = (template: Template) => {
    change(withTemplate(query, template, { variables, named: knowledge.named }));
    setBefore({ query, title: template.title });
  };
  const why = missing(query);
  const common = { id, datasource, variables, panel };
  return (
    <div className={styles.editor} data-testid="kmstrail-query-editor">
      <div className={styles.header}>
        <div className={styles.kinds}>
          <RadioButtonGroup<QueryKind>
            id={`${id}-kind`}
            aria-label="Kind of query"
            options={kinds.map(({ value, label, description }) => ({ value, label, description }))}
            value={query.kind}
            onChange={(kind) => change(withKind(query, kind))}
          />
        </div>
        <HiddenLabel htmlFor={`${id}-template`}>Start from a template</HiddenLabel>
        <TemplatePicker id={`${id}-template`} onPick={pick} />
        {before && (
          <span role="status" className={styles.hint}>
            “{before.title}” is in place.{' '}
            <Button size="sm" fill="text" onClick={() => change(before.query)}>
              Undo
            </Button>
          </span>
        )}
        <span className={styles.gap} />
        {why && <span className={styles.hint}>{why}</span>}
        <Button
          icon="play"
          variant={why ? 'secondary' : 'primary'}
          disabled={Boolean(why)}
          tooltip={why}
          onClick={props.onRunQuery}
        >
          Run query
        </Button>
      </div>
      {knowledge.error && (
        <Alert title="The editor cannot ask the server" severity="warning">
          {knowledge.error} What is saved stays as it is; suggestions are missing until the server answers.{' '}
          <Button size="sm" fill="text" onClick={knowledge.retry}>
            Try again
          </Button>
        </Alert>
      )}
      {query.kind === 'builder' && (
        <BuilderEditor
          {...common}
          query={query}
          builder={query.builder ?? noBuilder}
          schema={knowledge.schema}
          onChange={(builder) => change({ ...query, builder })}
          onDetach={(sql) => change({ ...query, kind: 'sql', sql })}
        />
      )}
      {query.kind === 'sql' && (
        <SqlEditor
          {...common}
          query={query}
          schema={knowledge.schema}
          macros={knowledge.macros}
          failure={failureOf(props)}
          onChange={(sql) => change({ ...query, sql }, 'wait')}
          onRun={(sql) => change({ ...query, sql })}
          onBack={() => change({ ...query, kind: 'builder', sql: undefined })}
        />
      )}
      {query.kind === 'named' && (
        <NamedEditor
          {...common}
          named={query.named}
          queries={knowledge.named}
          onChange={(call) => change({ ...query, named: call })}
        />
      )}
      {query.kind === 'findings' && (
        <FindingsEditor {...common} findings={query.findings} onChange={(findings) => change({ ...query, findings })} />
      )}
      {query.kind === 'lifecycle' && (
        <LifecycleEditor
          {...common}
          lifecycle={query.lifecycle}
          onChange={(lifecycle) => change({ ...query, lifecycle })}
        />
      )}
      <Options id={id} query={query} onChange={change} />
      {isAlerting(app) && usesVariable(query) && (
        <Alert title="Alert rules have no dashboard variables" severity="info">
          Filters that name a variable filter nothing here. Choose values instead.
        </Alert>
      )}
    </div>
  );
}

const noBuilder: Builder = { table: '' };

/** Saves what an older version or another datasource wrote in the form of this one, once. */
function useMigration({ query: raw, onChange }: Props, query: KmsQuery) {
  const migrated = useRef(false);
  useEffect(() => {
    if (!migrated.current && !kinds.some((kind) => kind.value === raw.kind)) {
      migrated.current = true;
      onChange(query);
    }
  });
}

/** The error of the last run of this query, as long as that was of the text as it is. Grafana shows it in words. */
function failureOf({ data, query }: Props): string | undefined {
  const ran = data?.request?.targets.find(({ refId }) => refId === query.refId) as KmsQuery | undefined;
  if (!ran || ran.sql !== query.sql) {
    return undefined;
  }
  const error = data?.errors?.find(({ refId }) => refId === query.refId || refId === undefined);
  return error?.data?.message ?? error?.message;
}

function usesVariable(query: KmsQuery): boolean {
  return /"\$\{?[A-Za-z]\w*\}?"|\$\{\w+/.test(JSON.stringify(query[query.kind] ?? ''));
}

interface OptionsProps {
  id: string;
  query: KmsQuery;
  onChange: (query: KmsQuery) => void;
}

/** How the result is shown. */
function Options({ id, query, onChange }: OptionsProps) {
  const { kind, format = 'auto' } = query;
  const series =
    format === 'time_series' ||
    (format === 'auto' &&
      (kind === 'builder' ? Boolean(query.builder?.time) : kind !== 'findings' && kind !== 'lifecycle'));
  return (
    <Cells label="Result">
      <Cell label="Format" htmlFor={`${id}-format`} width={160}>
        <Combobox
          id={`${id}-format`}
          options={formats.filter(({ value }) => formatsOf(kind).includes(value))}
          value={format}
          onChange={chosen(({ value }) => onChange({ ...query, format: value }))}
        />
      </Cell>
      {series && (
        <Cell label="Fill" htmlFor={`${id}-fill`} width={140}>
          <Combobox
            id={`${id}-fill`}
            options={[...fills]}
            value={query.fill ?? 'none'}
            onChange={chosen(({ value }) => onChange({ ...query, fill: value }))}
          />
        </Cell>
      )}
      {series && (
        <Cell label="Legend" htmlFor={`${id}-legend`} width={200}>
          <TextInput
            id={`${id}-legend`}
            placeholder="{{event_name}}"
            value={query.legend}
            onChange={(legend) => onChange({ ...query, legend })}
          />
        </Cell>
      )}
      {/* The builder has a limit of its own, which is part of its statement. */}
      {kind !== 'builder' && (
        <Cell label="Row limit" htmlFor={`${id}-row-limit`} width={140}>
          <NumberInput
            id={`${id}-row-limit`}
            placeholder="Default"
            value={query.limit}
            onChange={(limit) => onChange({ ...query, limit })}
          />
        </Cell>
      )}
    </Cells>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  editor: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(1) }),
  header: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(1) }),
  // Wider than a narrow column: it scrolls rather than cutting the last kind off.
  kinds: css({ maxWidth: '100%', overflowX: 'auto' }),
  gap: css({ flex: 1 }),
  hint: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});
