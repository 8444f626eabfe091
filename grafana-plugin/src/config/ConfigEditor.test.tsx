import { DataSourceSettings } from '@grafana/data';
import { BackendSrv, setBackendSrv } from '@grafana/runtime';
import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';
import { KmsOptions, KmsSecureOptions, Status } from '../types';
import { ConfigEditor } from './ConfigEditor';

type Options = DataSourceSettings<KmsOptions, KmsSecureOptions>;

const EMPTY = { uid: 'kms', name: 'kmstrail', url: '', version: 1, jsonData: {}, secureJsonFields: {} } as Options;

/** The page as Grafana shows it; returns what would be saved. */
function show(part: Partial<Options> = {}): () => Options {
  let latest = { ...EMPTY, ...part };
  function Page() {
    const [options, setOptions] = useState(latest);
    latest = options;
    return <ConfigEditor options={options} onOptionsChange={setOptions} />;
  }
  render(<Page />);
  return () => latest;
}

const address = () => screen.getByLabelText(/^Address/);

test('an address is judged while it is typed, and mended at a click', async () => {
  const saved = show();
  await userEvent.type(address(), 'https://kmstrail.example.com');
  expect(screen.getByRole('alert')).toHaveTextContent('queries go over Flight SQL');
  expect(address()).toHaveAttribute('aria-invalid', 'true');
  await userEvent.click(screen.getByRole('button', { name: 'Use grpc+tls://kmstrail.example.com:8815' }));
  expect(saved().url).toBe('grpc+tls://kmstrail.example.com:8815');
  expect(screen.queryByRole('alert')).not.toBeInTheDocument();
});

test('half an address is no mistake before the field is left', async () => {
  show();
  await userEvent.type(address(), 'grpc+tls:/');
  expect(screen.queryByRole('alert')).not.toBeInTheDocument();
  await userEvent.tab();
  expect(screen.getByRole('alert')).toHaveTextContent('needs a scheme and a host');
});

test('the token is a secret, and how to make one is there until it is saved', async () => {
  const saved = show();
  expect(screen.getByText('kmstrail token create grafana --role read')).toBeInTheDocument();
  await userEvent.type(screen.getByLabelText(/^Token/), ' hunter2 ');
  expect(saved().secureJsonData).toEqual({ token: 'hunter2' });
  expect(JSON.stringify(saved().jsonData)).not.toContain('hunter2');
  expect(screen.getByRole('alert')).toHaveTextContent('no token of kmstrail');
});

test('a saved token is not shown, and can be replaced', async () => {
  const saved = show({ secureJsonFields: { token: true } });
  expect(screen.queryByText(/kmstrail token create/)).not.toBeInTheDocument();
  await userEvent.click(screen.getByRole('button', { name: 'Reset' }));
  expect(saved().secureJsonFields).toEqual({ token: false });
  expect(screen.getByLabelText(/^Token/)).toHaveValue('');
});

test('TLS is asked about where there is TLS', async () => {
  const saved = show({ url: 'grpc://localhost:8815' });
  expect(screen.queryByText('TLS')).not.toBeInTheDocument();
  await userEvent.clear(address());
  await userEvent.type(address(), 'grpc+tls://kmstrail.example.com');
  await userEvent.click(screen.getByLabelText(/^Certificate authority of your own/));
  await userEvent.type(screen.getByLabelText(/^CA certificate/), 'x');
  expect(screen.getByRole('alert')).toHaveTextContent('no whole certificate');
  await userEvent.click(screen.getByLabelText(/^Do not verify/));
  expect(saved().jsonData).toEqual({ tlsAuthWithCACert: true, tlsSkipVerify: true });
});

test('a token in clear has to be wanted', async () => {
  const saved = show({ url: 'grpc://kmstrail.example.com:8815' });
  expect(screen.getByRole('alert')).toHaveTextContent('in clear');
  await userEvent.click(screen.getByLabelText(/^Send the token without encryption/));
  expect(saved().jsonData.plainText).toBe(true);
  expect(screen.queryByRole('alert')).not.toBeInTheDocument();
});

test('limits are numbers in bounds, and empty is the default', async () => {
  const saved = show({ jsonData: { maxRows: 7 } });
  await userEvent.click(screen.getByRole('button', { name: 'Limits' }));
  const rows = screen.getByLabelText(/^Rows of a result/);
  await userEvent.clear(rows);
  expect(saved().jsonData.maxRows).toBeUndefined();
  await userEvent.type(rows, '0');
  expect(screen.getByRole('alert')).toHaveTextContent('from 1 to 10,000,000');
  expect(saved().jsonData.maxRows).toBeUndefined();
  await userEvent.clear(rows);
  await userEvent.type(rows, '500');
  expect(saved().jsonData.maxRows).toBe(500);
});

test('the provisioning file follows the settings', async () => {
  show({ url: 'grpc+tls://kmstrail.example.com:8815' });
  await userEvent.click(screen.getByRole('button', { name: 'Provisioning file' }));
  await userEvent.click(screen.getByLabelText(/^Certificate authority of your own/));
  expect(screen.getByRole('region', { name: 'the provisioning file' })).toHaveTextContent('tlsAuthWithCACert: true');
});

test('nothing can be changed in what a file provides', () => {
  setBackendSrv({ get: () => new Promise(() => {}) } as unknown as BackendSrv);
  show({ url: 'grpc+tls://kmstrail.example.com:8815', readOnly: true, secureJsonFields: { token: true } });
  expect(address()).toBeDisabled();
  expect(screen.getByLabelText(/^Token/)).toBeDisabled();
  expect(screen.queryByRole('button', { name: 'Reset' })).not.toBeInTheDocument();
  expect(screen.getByLabelText(/^Name in the certificate/)).toBeDisabled();
});

describe('status', () => {
  const status: Status = {
    version: '1.2.3',
    events: 12345,
    eventsFrom: '2026-01-01T00:00:00Z',
    eventsTo: '2026-01-02T03:04:05Z',
    delivered: '2026-01-02T03:10:00Z',
    stale: false,
    accounts: 1,
    regions: 4,
  };
  const answer = (get: jest.Mock) => setBackendSrv({ get } as unknown as BackendSrv);
  const SAVED = { url: 'grpc+tls://kmstrail.example.com:8815', version: 2 };

  it('says what the server has', async () => {
    const get = jest.fn().mockResolvedValue(status);
    answer(get);
    show(SAVED);
    expect(await screen.findByText('kmstrail 1.2.3')).toBeInTheDocument();
    expect(screen.getByText('12,345, 2026-01-01 00:00 UTC to 2026-01-02 03:04 UTC')).toBeInTheDocument();
    expect(screen.getByText('1 account in 4 Regions')).toBeInTheDocument();
    expect(get.mock.calls[0][0]).toBe('/api/datasources/uid/kms/resources/status');
  });

  it('says why there is no answer', async () => {
    answer(jest.fn().mockRejectedValue({ data: { message: 'The token has expired.', hint: 'Make another.' } }));
    show(SAVED);
    expect(await screen.findByText('The token has expired. Make another.')).toBeInTheDocument();
  });

  it('says that the server is empty', async () => {
    answer(jest.fn().mockResolvedValue({ ...status, events: 0, eventsFrom: '', eventsTo: '', delivered: '' }));
    show(SAVED);
    await waitFor(() => expect(screen.getByText('The server has no events yet')).toBeInTheDocument());
    expect(screen.queryByText(/Invalid date/)).not.toBeInTheDocument();
  });

  it('is not asked for before anything is saved', () => {
    const get = jest.fn();
    answer(get);
    show({ url: 'grpc+tls://kmstrail.example.com:8815' });
    expect(get).not.toHaveBeenCalled();
  });
});
