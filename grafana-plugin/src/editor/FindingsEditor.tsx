import React from 'react';

import type { DataSource } from '../datasource';
import type { FindingsQuery, LifecycleQuery, Value, ValueKind } from '../types';
import { rangeOf } from './BuilderEditor';
import type { Panel } from './parts/hooks';
import { Cell, Cells } from './parts/layout';
import { ValuesPicker } from './parts/ValuePicker';

interface CommonProps {
  id: string;
  datasource: DataSource;
  variables: readonly string[];
  panel: Panel;
}

interface ListFieldProps extends CommonProps {
  name: string;
  label: string;
  load: (search: string) => Promise<Value[]>;
  values: readonly string[] | undefined;
  onChange: (values: string[] | undefined) => void;
}

/** Values of one kind; none means all. */
function ListField({ id, name, label, load, values, variables, onChange }: ListFieldProps) {
  const fieldId = `${id}-${name}`;
  return (
    <Cell label={label} htmlFor={fieldId} width={220} grow>
      <ValuesPicker
        id={fieldId}
        load={load}
        named
        variables={variables}
        placeholder="All"
        values={values ?? []}
        onChange={(picked) => onChange(picked.length > 0 ? picked : undefined)}
      />
    </Cell>
  );
}

type FindingsList = Exclude<keyof FindingsQuery, 'limit'>;

const findingsLists: ReadonlyArray<{ name: FindingsList; label: string; kind: ValueKind }> = [
  { name: 'severities', label: 'Severity', kind: 'severity' },
  { name: 'statuses', label: 'Status', kind: 'status' },
  { name: 'detectors', label: 'Detector', kind: 'detector' },
  { name: 'accounts', label: 'Account', kind: 'account' },
  { name: 'regions', label: 'Region', kind: 'region' },
  { name: 'keys', label: 'Key', kind: 'key' },
];

interface FindingsProps extends CommonProps {
  findings: FindingsQuery | undefined;
  onChange: (findings: FindingsQuery) => void;
}

/** Selects findings of the detectors. */
export function FindingsEditor({ findings, onChange, ...common }: FindingsProps) {
  const { datasource, panel } = common;
  return (
    <Cells label="Findings" columns>
      {findingsLists.map(({ name, label, kind }) => (
        <ListField
          key={name}
          {...common}
          name={name}
          label={label}
          load={(search) => datasource.resources.values(kind, { search, ...rangeOf(panel) })}
          values={findings?.[name]}
          onChange={(values) => onChange({ ...findings, [name]: values })}
        />
      ))}
    </Cells>
  );
}

/** Operations and service events that change a key, as in the view key_changes. */
const changeKinds: readonly Value[] = [
  ['CreateKey', 'Key created'],
  ['ReplicateKey', 'Replica created'],
  ['ScheduleKeyDeletion', 'Deletion scheduled'],
  ['CancelKeyDeletion', 'Deletion cancelled'],
  ['DeleteKey', 'Key deleted'],
  ['EnableKey', 'Key enabled'],
  ['DisableKey', 'Key disabled'],
  ['PutKeyPolicy', 'Policy changed'],
  ['EnableKeyRotation', 'Rotation switched on'],
  ['DisableKeyRotation', 'Rotation switched off'],
  ['CreateAlias', 'Alias created'],
  ['UpdateAlias', 'Alias moved to another key'],
  ['DeleteAlias', 'Alias deleted'],
  ['TagResource', 'Tags set'],
  ['UntagResource', 'Tags removed'],
  ['ImportKeyMaterial', 'Key material imported'],
  ['DeleteImportedKeyMaterial', 'Imported key material deleted'],
  ['DeleteExpiredKeyMaterial', 'Imported key material expired'],
].map(([value, description]) => ({ value, text: value, description }));

interface LifecycleProps extends CommonProps {
  lifecycle: LifecycleQuery | undefined;
  onChange: (lifecycle: LifecycleQuery) => void;
}

/** Selects changes of keys. */
export function LifecycleEditor({ lifecycle, onChange, ...common }: LifecycleProps) {
  const { datasource, panel } = common;
  const ask = (kind: ValueKind) => (search: string) => datasource.resources.values(kind, { search, ...rangeOf(panel) });
  const fields: Array<{ name: keyof LifecycleQuery; label: string; load: ListFieldProps['load'] }> = [
    { name: 'kinds', label: 'Kind of change', load: searchKinds },
    { name: 'keys', label: 'Key', load: ask('key') },
    { name: 'accounts', label: 'Account', load: ask('account') },
  ];
  return (
    <Cells label="Key changes" columns>
      {fields.map((field) => (
        <ListField
          key={field.name}
          {...common}
          {...field}
          values={lifecycle?.[field.name]}
          onChange={(values) => onChange({ ...lifecycle, [field.name]: values })}
        />
      ))}
    </Cells>
  );
}

function searchKinds(search: string): Promise<Value[]> {
  const wanted = search.toLowerCase();
  return Promise.resolve(
    changeKinds.filter(({ value, description }) => `${value} ${description}`.toLowerCase().includes(wanted))
  );
}
