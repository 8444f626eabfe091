import { Input } from '@grafana/ui';
import React, { useState } from 'react';

interface Props {
  id: string;
  value: string | undefined;
  onChange: (value: string) => void;
  placeholder?: string;
  width?: number;
  invalid?: boolean;
  inputMode?: 'numeric' | 'decimal' | 'text';
  'aria-label'?: string;
}

/** Text that is taken over when one leaves it or presses Enter, so that no query runs at each key. */
export function TextInput({ value, onChange, ...rest }: Props) {
  const [draft, setDraft] = useState<string>();
  const commit = () => {
    setDraft(undefined);
    if (draft !== undefined && draft !== (value ?? '')) {
      onChange(draft);
    }
  };
  return (
    <Input
      {...rest}
      value={draft ?? value ?? ''}
      onChange={(event) => setDraft(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === 'Enter' && commit()}
    />
  );
}
