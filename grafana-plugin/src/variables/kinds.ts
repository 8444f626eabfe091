import { KmsVariableQuery, ValueKind, VariableKind } from '../types';

interface KindOption {
  value: VariableKind;
  label: string;
  description: string;
}

/** What dashboard variables can list. */
export const VARIABLE_KINDS: KindOption[] = [
  { value: 'account', label: 'Account', description: 'Accounts: the name is shown, the id used' },
  { value: 'region', label: 'Region', description: 'Regions with calls' },
  { value: 'key', label: 'Key', description: 'KMS keys: the alias is shown, the ARN used' },
  { value: 'principal', label: 'Principal', description: 'Roles and users that called KMS' },
  { value: 'detector', label: 'Detector', description: 'Detectors that the server runs' },
  { value: 'severity', label: 'Severity', description: 'Severities of findings' },
  { value: 'status', label: 'Status', description: 'What was decided about findings' },
  { value: 'service', label: 'Service', description: 'AWS services behind the calls' },
  { value: 'operation', label: 'Operation', description: 'KMS operations that were called' },
  { value: 'column', label: 'Any column', description: 'The values of a column' },
  { value: 'sql', label: 'SQL', description: 'What a statement returns' },
];

export const VALUE_KINDS = VARIABLE_KINDS.map(({ value }) => value).filter(
  (kind): kind is ValueKind => kind !== 'column' && kind !== 'sql'
);

/** What a new variable lists. */
export const DEFAULT_VARIABLE: Omit<KmsVariableQuery, 'refId'> = { variable: 'account' };

/** What is saved, or written by hand: account, or SELECT … */
export function readVariableQuery(saved: Partial<KmsVariableQuery> | string | undefined): KmsVariableQuery {
  if (typeof saved === 'string') {
    const text = saved.trim();
    const kind = VALUE_KINDS.find((candidate) => candidate === text);
    return {
      refId: 'variable',
      ...(kind ? { variable: kind } : text ? { variable: 'sql', sql: text } : DEFAULT_VARIABLE),
    };
  }
  return { refId: 'variable', ...DEFAULT_VARIABLE, ...saved };
}
