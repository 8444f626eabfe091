import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { Button, Combobox, IconButton, MultiCombobox, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import React, { useState } from 'react';

import type { DataSource } from '../datasource';
import type { Builder, BuilderFilter, BuilderMetric, KmsQuery, Schema, SchemaTable, Value } from '../types';
import {
  aggregateLabels,
  aggregates,
  buckets,
  columnsFor,
  defaultMetric,
  length,
  metricName,
  type Mode,
  modeOf,
  operatorsFor,
  orderColumns,
  timeColumns,
  typeClass,
  valueKindOf,
  valuesNeeded,
  withFilterColumn,
  withMode,
  withOperator,
  withTable,
  wrongBucket,
  wrongValue,
} from './model/builder';
import { Confirm } from './parts/Confirm';
import { type Panel, usePreview } from './parts/hooks';
import { Cell, Cells, Entry, HiddenLabel, Section, SideBySide } from './parts/layout';
import { NumberInput } from './parts/NumberInput';
import { SqlPreview } from './parts/SqlPreview';
import { firstSentence } from './parts/text';
import { TextInput } from './parts/TextInput';
import { ValuePicker, ValuesPicker } from './parts/ValuePicker';
import { chosen } from './parts/chosen';

interface Props {
  id: string;
  query: KmsQuery;
  builder: Builder;
  schema: Schema | undefined;
  datasource: DataSource;
  variables: readonly string[];
  panel: Panel;
  onChange: (builder: Builder) => void;
  /** Goes on in SQL with this text. */
  onDetach: (sql: string) => void;
}

const previewDelay = 400;

/** Clicks a query together. */
export function BuilderEditor(props: Props) {
  const { id, query, builder, schema, datasource, panel, onChange, onDetach } = props;
  const styles = useStyles2(getStyles);
  const previewed = usePreview(datasource, query, panel, { wanted: true, check: false, delay: previewDelay });
  const table = schema?.tables.find((candidate) => candidate.name === builder.table);
  const mode = modeOf(builder);
  const change = (part: Partial<Builder>) => onChange({ ...builder, ...part });
  return (
    <div className={styles.builder}>
      <Cells>
        <Cell
          label="Table"
          htmlFor={`${id}-table`}
          width={240}
          error={schema && builder.table && !table ? `The server has no table ${builder.table}.` : undefined}
        >
          <Combobox
            id={`${id}-table`}
            options={tableOptions(schema)}
            value={builder.table || null}
            placeholder="Choose a table"
            loading={!schema}
            createCustomValue={!schema}
            onChange={chosen(({ value }) => {
              const chosen = schema?.tables.find((candidate) => candidate.name === value);
              onChange(chosen ? withTable(builder, chosen) : { table: value });
            })}
          />
        </Cell>
        <Cell label="Show" width={180}>
          <RadioButtonGroup<Mode>
            id={`${id}-mode`}
            options={[
              { value: 'numbers', label: 'Numbers', description: 'Counts and sums, by time and group' },
              { value: 'rows', label: 'Rows', description: 'Rows of the table as they are' },
            ]}
            value={mode}
            onChange={(value) => onChange(withMode(builder, value, table))}
          />
        </Cell>
        {table && <div className={styles.description}>{firstSentence(table.description)}</div>}
      </Cells>
      {mode === 'numbers' ? (
        <Numbers {...props} table={table} change={change} />
      ) : (
        <Section title="Columns">
          <div className={styles.wide}>
            <HiddenLabel htmlFor={`${id}-columns`}>Columns</HiddenLabel>
            <MultiCombobox
              id={`${id}-columns`}
              options={columnOptions(table)}
              value={builder.columns ?? []}
              placeholder="All columns"
              isClearable
              onChange={(options) => change({ columns: options.map((option) => option.value) })}
            />
          </div>
        </Section>
      )}
      <Filters {...props} table={table} change={change} />
      <OrderAndLimit {...props} table={table} change={change} mode={mode} />
      <SqlPreview
        previewed={previewed}
        actions={<DetachButton sql={previewed.preview?.sql} current={query.sql} onDetach={onDetach} />}
      />
    </div>
  );
}

interface PartProps extends Props {
  table: SchemaTable | undefined;
  change: (part: Partial<Builder>) => void;
}

function Numbers({ id, builder, table, change }: PartProps) {
  const styles = useStyles2(getStyles);
  const times = timeColumns(table);
  const metrics = builder.metrics ?? [];
  const setMetric = (at: number, metric: BuilderMetric) => change({ metrics: replaced(metrics, at, metric) });
  const bucket = builder.time?.bucket ?? 'auto';
  const grain = table?.grainSeconds ?? 0;
  const wrong = builder.time && wrongBucket(bucket, grain);
  return (
    <>
      <Section title="Numbers">
        {metrics.map((metric, at) => (
          <Entry key={at} label={`Number ${at + 1}: ${metricName(metric)}`}>
            <HiddenLabel htmlFor={`${id}-aggregate-${at}`}>{`Aggregate of number ${at + 1}`}</HiddenLabel>
            <Combobox
              id={`${id}-aggregate-${at}`}
              width={18}
              options={aggregates.map((value) => ({ value, ...aggregateLabels[value] }))}
              value={metric.aggregate}
              onChange={chosen(({ value }) => {
                const fits = columnsFor(value, table).some((column) => column.name === metric.column);
                setMetric(at, { ...metric, aggregate: value, column: fits ? metric.column : undefined });
              })}
            />
            <HiddenLabel htmlFor={`${id}-metric-${at}`}>{`Column of number ${at + 1}`}</HiddenLabel>
            <Combobox
              id={`${id}-metric-${at}`}
              width={26}
              options={[
                ...(metric.aggregate === 'count' ? [{ value: '', label: 'rows', description: 'All rows' }] : []),
                ...columnOptions(table, columnsFor(metric.aggregate, table)),
              ]}
              value={metric.column ?? (metric.aggregate === 'count' ? '' : null)}
              placeholder="Column"
              invalid={metric.aggregate !== 'count' && !metric.column}
              onChange={chosen(({ value }) => setMetric(at, { ...metric, column: value || undefined }))}
            />
            <TextInput
              id={`${id}-alias-${at}`}
              aria-label={`Name of number ${at + 1}`}
              width={16}
              placeholder={metricName({ ...metric, alias: undefined })}
              value={metric.alias}
              onChange={(alias) => setMetric(at, { ...metric, alias: alias || undefined })}
            />
            <IconButton
              name="times"
              tooltip={`Remove number ${metricName(metric)}`}
              onClick={() => change({ metrics: without(metrics, at) })}
            />
          </Entry>
        ))}
        <Button
          variant="secondary"
          fill="outline"
          icon="plus"
          aria-label="Add a number"
          onClick={() => change({ metrics: [...metrics, defaultMetric(table)] })}
        >
          Number
        </Button>
      </Section>
      <SideBySide>
        <Section title="By time">
          {builder.time ? (
            <Entry label="Time bucket">
              {times.length > 1 && (
                <>
                  <HiddenLabel htmlFor={`${id}-time`}>Time column</HiddenLabel>
                  <Combobox
                    id={`${id}-time`}
                    width={24}
                    options={columnOptions(table, times)}
                    value={builder.time.column ?? table?.timeColumn ?? null}
                    onChange={chosen(({ value }) => change({ time: { ...builder.time, column: value } }))}
                  />
                </>
              )}
              <HiddenLabel htmlFor={`${id}-bucket`}>Time bucket</HiddenLabel>
              <Combobox
                id={`${id}-bucket`}
                width={18}
                options={buckets(grain, bucket)}
                value={bucket}
                createCustomValue
                invalid={Boolean(wrong)}
                onChange={chosen(({ value }) => change({ time: { ...builder.time, bucket: value } }))}
              />
              <IconButton name="times" tooltip="Remove the time bucket" onClick={() => change({ time: undefined })} />
            </Entry>
          ) : (
            <Button
              variant="secondary"
              fill="outline"
              icon="plus"
              disabled={!table?.timeColumn}
              onClick={() => change({ time: { column: table!.timeColumn, bucket: 'auto' } })}
            >
              Group by time
            </Button>
          )}
          {wrong ? (
            <span className={styles.problem} role="alert">
              {wrong}
            </span>
          ) : (
            builder.time && grain > 0 && <span className={styles.hint}>One row of this table is {length(grain)}.</span>
          )}
        </Section>
        <Section title="Group by">
          <div className={styles.wide}>
            <HiddenLabel htmlFor={`${id}-group`}>Group by</HiddenLabel>
            <MultiCombobox
              id={`${id}-group`}
              options={columnOptions(table)}
              value={builder.groupBy ?? []}
              placeholder="All together"
              isClearable
              onChange={(options) => change({ groupBy: options.map((option) => option.value) })}
            />
          </div>
        </Section>
      </SideBySide>
    </>
  );
}

function Filters({ id, builder, table, change, datasource, variables, panel }: PartProps) {
  const styles = useStyles2(getStyles);
  const filters = builder.filters ?? [];
  const set = (at: number, filter: BuilderFilter) => change({ filters: replaced(filters, at, filter) });
  return (
    <Section title="Filters">
      {filters.map((filter, at) => {
        const column = table?.columns.find((candidate) => candidate.name === filter.column);
        const needed = valuesNeeded(filter.operator);
        const wrong = (filter.values ?? [])
          .map((value) => wrongValue(column?.type, filter.operator, value))
          .find(Boolean);
        const load = (search: string) => loadValues(datasource, panel, table, filter.column, search);
        const name = filter.column || `filter ${at + 1}`;
        const common = {
          id: `${id}-value-${at}`,
          load,
          named: column !== undefined && valueKindOf(column.name) !== undefined,
          variables,
          placeholder: 'Value',
          invalid: Boolean(wrong),
        };
        return (
          <React.Fragment key={at}>
            <Entry label={`Filter ${at + 1}: ${name}`}>
              <HiddenLabel htmlFor={`${id}-filter-${at}`}>{`Column of filter ${at + 1}`}</HiddenLabel>
              <Combobox
                id={`${id}-filter-${at}`}
                width={26}
                options={columnOptions(table)}
                value={filter.column || null}
                placeholder="Column"
                onChange={chosen(({ value }) => {
                  const chosen = table?.columns.find((candidate) => candidate.name === value);
                  set(at, chosen ? withFilterColumn(filter, chosen) : { ...filter, column: value });
                })}
              />
              <HiddenLabel htmlFor={`${id}-operator-${at}`}>{`Operator of filter on ${name}`}</HiddenLabel>
              <Combobox
                id={`${id}-operator-${at}`}
                width={18}
                options={operatorsFor(column?.type, filter.operator)}
                value={filter.operator}
                onChange={chosen(({ value }) => set(at, withOperator(filter, value)))}
              />
              {needed === 'one' && (
                <div className={styles.value}>
                  <HiddenLabel htmlFor={common.id}>{`Value of filter on ${name}`}</HiddenLabel>
                  <ValuePicker
                    {...common}
                    value={filter.values?.[0]}
                    onChange={(value) => set(at, { ...filter, values: value === undefined ? [] : [value] })}
                  />
                </div>
              )}
              {needed === 'many' && (
                <div className={styles.value}>
                  <HiddenLabel htmlFor={common.id}>{`Values of filter on ${name}`}</HiddenLabel>
                  <ValuesPicker
                    {...common}
                    values={filter.values ?? []}
                    onChange={(values) => set(at, { ...filter, values })}
                  />
                </div>
              )}
              <IconButton
                name="times"
                tooltip={`Remove filter on ${name}`}
                onClick={() => change({ filters: without(filters, at) })}
              />
            </Entry>
            {wrong && (
              <span className={styles.problem} role="alert">
                {wrong}
              </span>
            )}
          </React.Fragment>
        );
      })}
      <Button
        variant="secondary"
        fill="outline"
        icon="plus"
        aria-label="Add a filter"
        onClick={() => change({ filters: [...filters, { column: '', operator: '=', values: [] }] })}
      >
        Filter
      </Button>
    </Section>
  );
}

function OrderAndLimit({ id, builder, table, change, mode }: PartProps & { mode: Mode }) {
  const orders = builder.orderBy ?? [];
  const options = orderColumns(builder, table);
  return (
    <Section title="Order">
      {orders.map((order, at) => (
        <Entry key={at} label={`Order ${at + 1}: ${order.column}`}>
          <HiddenLabel htmlFor={`${id}-order-${at}`}>{`Order by, ${at + 1}`}</HiddenLabel>
          <Combobox
            id={`${id}-order-${at}`}
            width={24}
            options={[...new Set([...options, order.column])].filter(Boolean).map((value) => ({ value, label: value }))}
            value={order.column || null}
            placeholder="Column"
            onChange={chosen(({ value }) => change({ orderBy: replaced(orders, at, { ...order, column: value }) }))}
          />
          <Button
            variant="secondary"
            fill="text"
            icon={order.descending ? 'arrow-down' : 'arrow-up'}
            aria-label={`${order.column}: ${order.descending ? 'largest first' : 'smallest first'}; change`}
            onClick={() =>
              change({ orderBy: replaced(orders, at, { column: order.column, descending: !order.descending }) })
            }
          >
            {order.descending ? 'Descending' : 'Ascending'}
          </Button>
          <IconButton
            name="times"
            tooltip={`Remove order by ${order.column}`}
            onClick={() => change({ orderBy: without(orders, at) })}
          />
        </Entry>
      ))}
      <Button
        variant="secondary"
        fill="outline"
        icon="plus"
        aria-label="Add an order"
        disabled={options.length === 0}
        onClick={() => {
          const column = options.find((name) => !orders.some((order) => order.column === name)) ?? options[0];
          change({ orderBy: [...orders, { column, descending: mode === 'numbers' ? column !== 'time' : true }] });
        }}
      >
        Order
      </Button>
      <Entry label="Limit">
        <label htmlFor={`${id}-limit`}>{builder.time && mode === 'numbers' ? 'Series at most' : 'Rows at most'}</label>
        <NumberInput
          id={`${id}-limit`}
          width={12}
          placeholder="Default"
          value={builder.limit}
          onChange={(limit) => change({ limit })}
        />
      </Entry>
    </Section>
  );
}

interface DetachProps {
  sql: string | undefined;
  current: string | undefined;
  onDetach: (sql: string) => void;
}

/** Goes on in SQL, once it is clear what that means. */
function DetachButton({ sql, current, onDetach }: DetachProps) {
  const [asking, setAsking] = useState(false);
  const overwrites = Boolean(current && current !== sql);
  return (
    <>
      <Button size="sm" variant="secondary" fill="outline" icon="pen" disabled={!sql} onClick={() => setAsking(true)}>
        Edit as SQL
      </Button>
      <Confirm
        isOpen={asking}
        title="Edit as SQL"
        confirmText="Edit as SQL"
        destructive={overwrites}
        onConfirm={() => {
          setAsking(false);
          onDetach(sql!);
        }}
        onDismiss={() => setAsking(false)}
      >
        <p>
          The query becomes text that you edit. The builder keeps its choices but does not follow your edits: when you
          go back to it, they are lost.
        </p>
        {overwrites && (
          <p>The SQL you wrote here before is replaced. To keep it, cancel and choose SQL above the builder.</p>
        )}
      </Confirm>
    </>
  );
}

function loadValues(
  datasource: DataSource,
  panel: Panel,
  table: SchemaTable | undefined,
  columnName: string,
  search: string
): Promise<Value[]> {
  const column = table?.columns.find((candidate) => candidate.name === columnName);
  if (!table || !column) {
    return Promise.resolve([]);
  }
  if (typeClass(column.type) === 'boolean') {
    return Promise.resolve(['true', 'false'].map((value) => ({ text: value, value })));
  }
  if (['time', 'nested', 'id'].includes(typeClass(column.type))) {
    return Promise.resolve([]);
  }
  const { resources } = datasource;
  const asked = { search, ...rangeOf(panel) };
  const kind = valueKindOf(column.name);
  return kind ? resources.values(kind, asked) : resources.columnValues(table.name, column.name, asked);
}

/** The panel's range in whole minutes, so that answers can be kept. */
export function rangeOf(panel: Panel): { from?: number; to?: number } {
  const minute = 60_000;
  const floor = (time: number | undefined) => (time === undefined ? undefined : Math.floor(time / minute) * minute);
  const { from, to } = panel.range ?? {};
  return from && to ? { from: floor(from.valueOf()), to: floor(to.valueOf()) } : {};
}

function tableOptions(schema: Schema | undefined) {
  return (schema?.tables ?? []).map(({ name, description }) => ({ value: name, label: name, description }));
}

function columnOptions(table: SchemaTable | undefined, columns = table?.columns ?? []) {
  return columns.map(({ name, type, description }) => ({
    value: name,
    label: name,
    description: [type, description].filter(Boolean).join(' · '),
  }));
}

const replaced = <T,>(list: readonly T[], at: number, entry: T): T[] => list.map((old, i) => (i === at ? entry : old));
const without = <T,>(list: readonly T[], at: number): T[] => list.filter((_, i) => i !== at);

const getStyles = (theme: GrafanaTheme2) => ({
  builder: css({ display: 'flex', flexDirection: 'column' }),
  description: css({
    flex: '1 1 240px',
    alignSelf: 'center',
    color: theme.colors.text.secondary,
    fontSize: theme.typography.bodySmall.fontSize,
  }),
  wide: css({ flex: '1 1 240px', maxWidth: 720, minWidth: 0 }),
  value: css({ width: 280, maxWidth: '100%' }),
  hint: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  problem: css({ color: theme.colors.error.text, fontSize: theme.typography.bodySmall.fontSize }),
});
