import { CoreApp, dateTime } from '@grafana/data';
import { setTemplateSrv } from '@grafana/runtime';
import { act, configure, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { PointerEventsCheckLevel, userEvent as events } from '@testing-library/user-event';
import React, { useState } from 'react';

import type { DataSource } from '../datasource';
import type { KmsQuery, NamedQuery, Preview, PreviewRequest } from '../types';
import { defaultQuery } from './model/query';
import { QueryEditor } from './QueryEditor';
import { macros, tables } from './testing';

interface ListProps {
  id: string;
  options: Option[] | ((search: string) => Promise<Option[]>);
  value?: unknown;
  onChange: (picked: unknown) => void;
}

interface Option {
  value: string;
  label?: string;
  description?: string;
}

// Monaco and the lists of Grafana need a browser: the suite in Chromium has them. These say what they are given.
jest.mock('@grafana/ui', () => {
  function List({
    id,
    options,
    shown,
    onPick,
  }: Omit<ListProps, 'onChange'> & { shown: string; onPick: (o: Option) => void }) {
    const [listed, setListed] = useState<Option[]>();
    const open = async () => setListed(typeof options === 'function' ? await options('') : options);
    return (
      <>
        <input id={id} value={shown} readOnly onClick={open} />
        {listed?.map((option) => (
          <button key={option.value} data-testid="option" onClick={() => [setListed(undefined), onPick(option)]}>
            {option.label ?? option.value} {option.description}
          </button>
        ))}
      </>
    );
  }
  const labelOf = (value: unknown) => {
    const option = value as Option | string | null | undefined;
    return typeof option === 'object' ? (option?.label ?? '') : (option ?? '');
  };
  return {
    ...jest.requireActual('@grafana/ui'),
    CodeEditor: ({ value, onChange }: { value: string; onChange: (text: string) => void }) => (
      <textarea aria-label="Text" value={value} onChange={(event) => onChange(event.target.value)} />
    ),
    Combobox: ({ onChange, ...props }: ListProps) => <List {...props} shown={labelOf(props.value)} onPick={onChange} />,
    MultiCombobox: ({ onChange, ...props }: ListProps) => {
      const chosen = (props.value as Array<Option | string>).map((value) =>
        typeof value === 'string' ? { value } : value
      );
      const shown = chosen.map(labelOf).join(', ');
      return <List {...props} shown={shown} onPick={(option) => onChange([...chosen, option])} />;
    },
  };
});

const breaks: NamedQuery = {
  id: 'what_breaks',
  title: 'What would break without a key',
  description: 'Everything that used a key. More of it.',
  grain: 'one row per key',
  window: true,
  columns: [{ name: 'kind', type: 'VARCHAR', doc: 'service, caller or resource.' }],
  params: [
    { name: 'key_arn', type: 'varchar', default: null, doc: 'key ARN or alias', required: true },
    { name: 'max_rows', type: 'integer', default: '100', doc: 'at most so many rows' },
  ],
};

// What jsdom computes slowly is for the browser suite.
configure({ defaultHidden: true, getElementError: (message) => new Error(message?.slice(0, 300)) });
const userEvent = events.setup({ delay: null, pointerEventsCheck: PointerEventsCheckLevel.Never });

const built = 'SELECT 1 -- built';

function backend() {
  const preview = jest.fn(async (request: PreviewRequest, _signal?: AbortSignal): Promise<Preview> => ({
    sql: request.query.kind === 'sql' ? request.query.sql! : built,
    expanded: 'SELECT 1',
    notices: [],
  }));
  const values = jest.fn(async (kind: string, _query?: object) => [
    kind === 'account'
      ? { text: 'payments (111122223333)', value: '111122223333' }
      : { text: 'alias/orders', value: 'arn:aws:kms:eu-west-1:111122223333:key/1', description: 'payments' },
  ]);
  const columnValues = jest.fn(async () => [
    { text: 'Decrypt', value: 'Decrypt' },
    { text: 'Encrypt', value: 'Encrypt' },
  ]);
  const resources = {
    schema: jest.fn(async () => ({ version: '1', tables, functions: ['sum'] })),
    macros: jest.fn(async () => macros),
    named: jest.fn(async () => [breaks]),
    values,
    columnValues,
  };
  return { resources, preview, values, columnValues };
}

interface Options {
  app?: CoreApp;
  variables?: string[];
  server?: ReturnType<typeof backend>;
}

async function edit(query: Partial<KmsQuery>, { app, variables = [], server = backend() }: Options = {}) {
  setTemplateSrv({ getVariables: () => variables.map((name) => ({ name, type: 'query' })) } as never);
  const onChange = jest.fn();
  const onRunQuery = jest.fn();
  function Page() {
    const [current, setCurrent] = useState({ refId: 'A', ...query } as KmsQuery);
    return (
      <QueryEditor
        datasource={server as unknown as DataSource}
        query={current}
        app={app}
        range={{ from: dateTime(0), to: dateTime(3_600_000), raw: { from: 'now-1h', to: 'now' } }}
        onChange={(next) => {
          onChange(next);
          setCurrent(next);
        }}
        onRunQuery={onRunQuery}
      />
    );
  }
  const view = render(<Page />);
  await act(async () => undefined);
  const saved = (): KmsQuery => onChange.mock.calls.at(-1)?.[0];
  return { ...view, server, onChange, onRunQuery, saved };
}

/** Options of a list that is opened. */
async function optionsOf(label: string | RegExp): Promise<HTMLElement[]> {
  await userEvent.click(screen.getByLabelText(label));
  return screen.findAllByTestId('option');
}

/** Chooses an option of a list. */
async function choose(label: string | RegExp, option: RegExp) {
  const found = (await optionsOf(label)).find(({ textContent }) => option.test(textContent ?? ''));
  if (!found) {
    throw new Error(`${label} does not offer ${option}`);
  }
  await userEvent.click(found);
}

const builder = (part: object = {}): Partial<KmsQuery> => ({
  kind: 'builder',
  builder: { ...defaultQuery().builder!, ...part },
});

describe('builder', () => {
  test('says nothing of itself, and shows the SQL', async () => {
    const { onChange, onRunQuery, server } = await edit(builder());
    expect(await screen.findByRole('region', { name: 'SQL preview' })).toHaveTextContent(built);
    expect(onChange).not.toHaveBeenCalled();
    expect(onRunQuery).not.toHaveBeenCalled();
    expect(server.preview.mock.calls[0][0]).toMatchObject({ from: 0, to: 3_600_000, check: false });
  });

  test('another table keeps what fits, saves no noise and runs', async () => {
    const { saved, onRunQuery } = await edit(builder());
    await choose('Table', /kms_events/);
    expect(saved()).toEqual({
      refId: 'A',
      kind: 'builder',
      builder: {
        table: 'kms_events',
        time: { column: 'event_time', bucket: 'auto' },
        metrics: [{ aggregate: 'count' }],
        groupBy: ['event_name'],
      },
    });
    expect(onRunQuery).toHaveBeenCalledTimes(1);
  });

  test('a filter runs only when it has a value, which is one of the data', async () => {
    const { saved, onRunQuery, server } = await edit(builder());
    await userEvent.click(screen.getByRole('button', { name: 'Add a filter' }));
    expect(saved().builder?.filters).toEqual([{ column: '', operator: '=' }]);
    await choose('Column of filter 1', /^event_name/);
    expect(onRunQuery).not.toHaveBeenCalled();
    expect(screen.getByText('Choose a value for event_name.')).toBeInTheDocument();
    await choose('Value of filter on event_name', /Encrypt/);
    expect(server.columnValues).toHaveBeenCalledWith(
      'usage_hourly',
      'event_name',
      expect.objectContaining({ search: '' })
    );
    expect(saved().builder?.filters).toEqual([{ column: 'event_name', operator: '=', values: ['Encrypt'] }]);
    expect(onRunQuery).toHaveBeenCalledTimes(1);
  });

  test('variables are offered as values, in alert rules not', async () => {
    const filters = [{ column: 'key_arn', operator: '=', values: [] }];
    const first = await edit(builder({ filters }), { variables: ['key'] });
    await choose('Value of filter on key_arn', /\$key/);
    expect(first.saved().builder?.filters?.[0].values).toEqual(['$key']);
    first.unmount();
    await edit(builder({ filters }), { variables: ['key'], app: CoreApp.UnifiedAlerting });
    const offered = (await optionsOf('Value of filter on key_arn')).map(({ textContent }) => textContent);
    expect(offered).toEqual(['alias/orders payments']);
  });

  test('an alert rule is told that a variable filters nothing', async () => {
    const filters = [{ column: 'key_arn', operator: '=', values: ['$key'] }];
    await edit(builder({ filters }), { app: CoreApp.UnifiedAlerting });
    expect(screen.getByText('Alert rules have no dashboard variables')).toBeInTheDocument();
  });

  test('a value that does not fit is said to be wrong', async () => {
    await edit(builder({ filters: [{ column: 'call_count', operator: '>', values: ['many'] }] }));
    expect(screen.getByRole('alert')).toHaveTextContent('This has to be a number.');
  });

  test('a saved account shows its name', async () => {
    await edit(builder({ filters: [{ column: 'key_account_id', operator: '=', values: ['111122223333'] }] }));
    const value = screen.getByLabelText('Value of filter on key_account_id');
    await waitFor(() => expect(value).toHaveValue('payments (111122223333)'));
  });

  test('numbers are added, changed and removed', async () => {
    const { saved } = await edit(builder());
    await userEvent.click(screen.getByRole('button', { name: 'Add a number' }));
    expect(saved().builder?.metrics).toHaveLength(2);
    await choose('Aggregate of number 2', /^max/);
    expect(saved().builder?.metrics?.[1]).toEqual({ aggregate: 'max', column: 'call_count' });
    await userEvent.click(screen.getByRole('button', { name: 'Remove number calls' }));
    expect(saved().builder?.metrics).toEqual([{ aggregate: 'max', column: 'call_count' }]);
  });

  test('an older preview is given up for a newer one', async () => {
    const { server } = await edit(builder());
    await waitFor(() => expect(server.preview).toHaveBeenCalledTimes(1));
    const signal = server.preview.mock.calls[0][1]!;
    await userEvent.click(screen.getByRole('button', { name: 'Add an order' }));
    expect(signal.aborted).toBe(true);
  });
});

describe('SQL', () => {
  test('the builder is left after a question, and its SQL taken along', async () => {
    const { saved } = await edit(builder());
    await screen.findByRole('region', { name: 'SQL preview' });
    await userEvent.click(screen.getByRole('button', { name: 'Edit as SQL' }));
    const dialog = await screen.findByRole('dialog');
    expect(dialog).toHaveTextContent('they are lost');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Edit as SQL' }));
    expect(saved()).toMatchObject({ kind: 'sql', sql: built, builder: { table: 'usage_hourly' } });
  });

  test('a question that is dismissed changes nothing', async () => {
    const { onChange } = await edit({ ...builder(), sql: 'select mine' });
    await screen.findByRole('region', { name: 'SQL preview' });
    await userEvent.click(screen.getByRole('button', { name: 'Edit as SQL' }));
    const dialog = await screen.findByRole('dialog');
    expect(dialog).toHaveTextContent('The SQL you wrote here before is replaced.');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Cancel' }));
    expect(onChange).not.toHaveBeenCalled();
  });

  test('back to the builder warns when edits are lost', async () => {
    const { saved, onChange } = await edit({ ...builder(), kind: 'sql', sql: 'select edited' });
    await userEvent.click(screen.getByRole('button', { name: 'Back to builder' }));
    const dialog = await screen.findByRole('dialog');
    expect(onChange).not.toHaveBeenCalled();
    await userEvent.click(within(dialog).getByRole('button', { name: 'Drop edits and go back' }));
    expect(saved()).toEqual({ refId: 'A', ...builder() });
  });

  test('back to the builder asks nothing when nothing is lost', async () => {
    const { saved } = await edit({ ...builder(), kind: 'sql', sql: built });
    await userEvent.click(screen.getByRole('button', { name: 'Back to builder' }));
    await waitFor(() => expect(saved()?.kind).toBe('builder'));
    expect(screen.queryByRole('dialog')).not.toBeInTheDocument();
  });

  test('writing changes the query and runs nothing', async () => {
    const { saved, onRunQuery } = await edit({ kind: 'sql', sql: 'select 1' });
    fireEvent.change(screen.getByLabelText('Text'), { target: { value: 'select 2' } });
    expect(saved().sql).toBe('select 2');
    expect(onRunQuery).not.toHaveBeenCalled();
    await userEvent.click(screen.getByRole('button', { name: 'Run query' }));
    expect(onRunQuery).toHaveBeenCalledTimes(1);
  });

  test('the place of a mistake is said in words', async () => {
    const server = backend();
    server.preview.mockResolvedValue({
      sql: 'select nme',
      expanded: 'select nme',
      notices: [],
      error: { message: 'line 1, column 8: there is no column nme', line: 1, column: 8, endColumn: 11 },
    });
    await edit({ kind: 'sql', sql: 'select nme' }, { server });
    expect(
      await screen.findByText('Line 1, column 8: there is no column nme', {}, { timeout: 3000 })
    ).toBeInTheDocument();
    expect(server.preview.mock.calls[0][0].check).toBe(true);
  });

  test('nothing to run is said to be missing', async () => {
    await edit({ kind: 'sql' });
    expect(screen.getByRole('button', { name: 'Run query' })).toHaveAttribute('aria-disabled', 'true');
    expect(screen.getByText('Write a statement, or begin with a template.')).toBeInTheDocument();
  });
});

describe('named queries', () => {
  test('are searched and chosen', async () => {
    const { saved, onRunQuery } = await edit({ kind: 'named' });
    await userEvent.type(screen.getByLabelText('Search named queries'), 'nothing like it');
    expect(screen.getByText('No query matches “nothing like it”.')).toBeInTheDocument();
    await userEvent.clear(screen.getByLabelText('Search named queries'));
    await userEvent.click(screen.getByRole('button', { name: /What would break/ }));
    expect(saved()).toEqual({ refId: 'A', kind: 'named', named: { id: 'what_breaks', params: {} } });
    expect(onRunQuery).not.toHaveBeenCalled();
    expect(screen.getByText('Key ARN has to be given.')).toBeInTheDocument();
  });

  test('ask for a key by its alias', async () => {
    const { saved, onRunQuery } = await edit({ kind: 'named', named: { id: 'what_breaks', params: {} } });
    await choose(/^Key ARN/, /alias\/orders/);
    expect(saved().named?.params).toEqual({ key_arn: 'arn:aws:kms:eu-west-1:111122223333:key/1' });
    expect(onRunQuery).toHaveBeenCalledTimes(1);
    expect(screen.getByLabelText(/^Key ARN/)).toHaveValue('alias/orders');
  });

  test('a saved key shows its alias', async () => {
    const params = { key_arn: 'arn:aws:kms:eu-west-1:111122223333:key/1' };
    const { onChange } = await edit({ kind: 'named', named: { id: 'what_breaks', params } });
    await waitFor(() => expect(screen.getByLabelText(/^Key ARN/)).toHaveValue('alias/orders'));
    expect(onChange).not.toHaveBeenCalled();
  });

  test('a parameter that cannot be is not run', async () => {
    const { saved, onRunQuery } = await edit({
      kind: 'named',
      named: { id: 'what_breaks', params: { key_arn: '$key' } },
    });
    const input = screen.getByLabelText(/^Max rows/);
    await userEvent.type(input, 'many{Enter}');
    expect(saved().named?.params).toEqual({ key_arn: '$key', max_rows: 'many' });
    expect(screen.getByText('This has to be a whole number.')).toBeInTheDocument();
    expect(onRunQuery).not.toHaveBeenCalled();
    await userEvent.clear(input);
    await userEvent.type(input, '5{Enter}');
    expect(onRunQuery).toHaveBeenCalledTimes(1);
    await userEvent.clear(input);
    await userEvent.tab();
    expect(saved().named?.params).toEqual({ key_arn: '$key' });
  });

  test('one that the server does not have is named', async () => {
    await edit({ kind: 'named', named: { id: 'gone', params: {} } });
    expect(screen.getByText('The server has no query gone.')).toBeInTheDocument();
  });
});

describe('findings and key changes', () => {
  test('are selected by values', async () => {
    const { saved } = await edit({ kind: 'findings' });
    await choose('Account', /payments/);
    expect(saved()).toEqual({ refId: 'A', kind: 'findings', findings: { accounts: ['111122223333'] } });
  });

  test('kinds of changes', async () => {
    const { saved } = await edit({ kind: 'lifecycle' });
    await choose('Kind of change', /Deletion scheduled/);
    expect(saved()).toEqual({ refId: 'A', kind: 'lifecycle', lifecycle: { kinds: ['ScheduleKeyDeletion'] } });
  });
});

describe('the editor', () => {
  test('keeps the state of each kind', async () => {
    const { saved } = await edit({ ...builder(), sql: 'select mine' });
    await userEvent.click(screen.getByLabelText('SQL'));
    expect(saved()).toEqual({ refId: 'A', ...builder(), sql: 'select mine', kind: 'sql' });
    await userEvent.click(screen.getByLabelText('Builder'));
    expect(saved()).toEqual({ refId: 'A', ...builder(), sql: 'select mine' });
  });

  test('a template runs at once and can be undone', async () => {
    const { saved, onRunQuery } = await edit(builder());
    await choose('Start from a template', /^Calls by AWS service/);
    expect(saved().builder?.groupBy).toEqual(['service']);
    expect(onRunQuery).toHaveBeenCalledTimes(1);
    await userEvent.click(screen.getByRole('button', { name: 'Undo' }));
    expect(saved()).toEqual({ refId: 'A', ...builder() });
  });

  test('saves what an older version wrote, once', async () => {
    const { onChange, saved } = await edit({ rawSql: 'select 1' } as never);
    expect(onChange).toHaveBeenCalledTimes(1);
    expect(saved()).toEqual({ refId: 'A', kind: 'sql', sql: 'select 1' });
  });

  test('options that are the default are not saved', async () => {
    const { saved } = await edit({ ...builder(), fill: 'zero' });
    await choose('Fill', /^None/);
    expect(saved()).toEqual({ refId: 'A', ...builder() });
    await userEvent.type(screen.getByLabelText('Legend'), '{{{{event_name}}{Enter}');
    expect(saved().legend).toBe('{{event_name}}');
  });

  test('a server that does not answer leaves the query alone and can be asked again', async () => {
    const server = backend();
    server.resources.schema.mockRejectedValueOnce({
      data: { message: 'The token has expired.', hint: 'Make a new one.' },
    });
    const { onChange } = await edit(builder(), { server });
    expect(await screen.findByText(/The token has expired. Make a new one./)).toBeInTheDocument();
    expect(onChange).not.toHaveBeenCalled();
    await userEvent.click(screen.getByRole('button', { name: /Try again/ }));
    await waitFor(() => expect(screen.queryByText(/The token has expired/)).not.toBeInTheDocument());
  });
});
