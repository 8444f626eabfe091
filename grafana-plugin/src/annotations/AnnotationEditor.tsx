import { QueryEditorProps } from '@grafana/data';
import { Alert, Field, RadioButtonGroup, Stack } from '@grafana/ui';
import React, { useId } from 'react';
import type { DataSource } from '../datasource';
import { QueryEditor } from '../editor';
import { FindingsEditor, LifecycleEditor } from '../editor/FindingsEditor';
import { withKind } from '../editor/model/query';
import { useVariables } from '../editor/parts/hooks';
import { KmsOptions, KmsQuery } from '../types';

type Props = QueryEditorProps<DataSource, KmsQuery, KmsOptions>;
type Source = 'findings' | 'lifecycle' | 'query';

const SOURCES: Array<{ value: Source; label: string; description: string }> = [
  {
    value: 'findings',
    label: 'Findings',
    description: 'What the detectors found, from the first to the last event of it',
  },
  {
    value: 'lifecycle',
    label: 'Key changes',
    description: 'Creation, deletion, policy, rotation, aliases and tags of keys',
  },
  { value: 'query', label: 'Another query', description: 'The rows of any query that has times' },
];

/** Chooses what is marked in time. */
export function AnnotationEditor(props: Props) {
  const { datasource, query, onChange, range } = props;
  const id = useId();
  const variables = useVariables(true);
  const source = query.kind === 'findings' || query.kind === 'lifecycle' ? query.kind : 'query';
  const common = { id, datasource, variables, panel: { range } };
  return (
    <Stack direction="column" gap={1}>
      <Field noMargin label="Mark">
        <RadioButtonGroup<Source>
          options={SOURCES}
          value={source}
          onChange={(value) => onChange(withKind(query, value === 'query' ? 'sql' : value))}
        />
      </Field>
      {source === 'findings' && (
        <FindingsEditor
          {...common}
          findings={query.findings}
          onChange={(findings) => onChange({ ...query, findings })}
        />
      )}
      {source === 'lifecycle' && (
        <LifecycleEditor
          {...common}
          lifecycle={query.lifecycle}
          onChange={(lifecycle) => onChange({ ...query, lifecycle })}
        />
      )}
      {source === 'query' && (
        <>
          <Alert severity="info" title="Columns that annotations show">
            time; timeEnd, for what lasts; title, text and tags, a list or text with commas. Others are left out.
          </Alert>
          <QueryEditor {...props} />
        </>
      )}
    </Stack>
  );
}
