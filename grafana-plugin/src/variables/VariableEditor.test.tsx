import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';
import type { DataSource } from '../datasource';
import { KmsVariableQuery } from '../types';
import { VariableEditor } from './VariableEditor';

const VALUES = Array.from({ length: 30 }, (_, i) => ({ text: `name ${i}`, value: `id-${i}` }));

function show(query: Partial<KmsVariableQuery>, find = jest.fn().mockResolvedValue(VALUES)) {
  const datasource = {
    metricFindQuery: find,
    resources: { schema: async () => ({ version: '1', functions: [], tables: [] }) },
  } as unknown as DataSource;
  const latest = jest.fn();
  function Page() {
    const [value, setValue] = useState({ refId: 'v', ...query } as KmsVariableQuery);
    const change = (next: KmsVariableQuery) => {
      latest(next);
      setValue(next);
    };
    return <VariableEditor datasource={datasource} query={value} onChange={change} onRunQuery={() => {}} />;
  }
  render(<Page />);
  return { latest, find };
}

test('values are shown by name and as they are used', async () => {
  show({ variable: 'account' });
  expect(await screen.findByRole('row', { name: 'name 0 id-0' })).toBeInTheDocument();
  expect(screen.getByRole('status')).toHaveTextContent('30 values; these are the first 20.');
  expect(screen.getAllByRole('row')).toHaveLength(21);
});

test('another search asks again', async () => {
  const { find, latest } = show({ variable: 'key' });
  await userEvent.type(screen.getByLabelText(/^Containing/), 'orders{Enter}');
  expect(latest).toHaveBeenLastCalledWith({ refId: 'v', variable: 'key', search: 'orders' });
  await waitFor(() =>
    expect(find).toHaveBeenLastCalledWith(expect.objectContaining({ search: 'orders' }), expect.anything())
  );
});

test('SQL is saved when the field is left', async () => {
  const { latest } = show({ variable: 'sql' });
  await userEvent.type(screen.getByLabelText(/^SQL/), 'SELECT 1');
  expect(latest).not.toHaveBeenCalled();
  await userEvent.tab();
  expect(latest).toHaveBeenCalledWith({ refId: 'v', variable: 'sql', sql: 'SELECT 1' });
});

test('an error says why', async () => {
  show({ variable: 'account' }, jest.fn().mockRejectedValue({ data: { message: 'No answer.', hint: 'Start it.' } }));
  expect(await screen.findByRole('alert')).toHaveTextContent('No answer. Start it.');
});

test('no values', async () => {
  show({ variable: 'account' }, jest.fn().mockResolvedValue([]));
  expect(await screen.findByText(/^No values/)).toBeInTheDocument();
});
