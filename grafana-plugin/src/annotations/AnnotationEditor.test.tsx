import { setTemplateSrv, TemplateSrv } from '@grafana/runtime';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React from 'react';
import type { DataSource } from '../datasource';
import { KmsQuery } from '../types';
import { AnnotationEditor } from './AnnotationEditor';

setTemplateSrv({ getVariables: () => [] } as unknown as TemplateSrv);

function show(query: Partial<KmsQuery>) {
  const changed = jest.fn();
  const datasource = { resources: { values: () => new Promise(() => {}) } } as unknown as DataSource;
  render(
    <AnnotationEditor
      datasource={datasource}
      query={{ refId: 'Anno', kind: 'findings', ...query }}
      onChange={changed}
      onRunQuery={() => {}}
    />
  );
  return changed;
}

test('findings are chosen by what they are about', () => {
  show({ findings: { severities: ['critical'] } });
  expect(screen.getByRole('radio', { name: 'Findings' })).toBeChecked();
  for (const label of ['Severity', 'Status', 'Detector', 'Account', 'Region', 'Key']) {
    expect(screen.getByLabelText(label)).toBeInTheDocument();
  }
});

test('key changes instead', async () => {
  const changed = show({ findings: { severities: ['critical'] } });
  await userEvent.click(screen.getByRole('radio', { name: 'Key changes' }));
  expect(changed).toHaveBeenCalledWith({ refId: 'Anno', kind: 'lifecycle', findings: { severities: ['critical'] } });
});
