import { Input } from '@grafana/ui';
import React, { useState } from 'react';

interface Props {
  id: string;
  value: number | undefined;
  onChange: (value: number | undefined) => void;
  placeholder?: string;
  width?: number;
  'aria-label'?: string;
}

/** A whole number from 1, or nothing; taken over when one leaves it or presses Enter. */
export function NumberInput({ value, onChange, ...rest }: Props) {
  const [draft, setDraft] = useState<string>();
  const commit = () => {
    if (draft === undefined) {
      return;
    }
    const number = draft.trim() === '' ? undefined : Math.floor(Number(draft));
    setDraft(undefined);
    if (number !== value && (number === undefined || (Number.isFinite(number) && number >= 1))) {
      onChange(number);
    }
  };
  return (
    <Input
      {...rest}
      type="number"
      min={1}
      step={1}
      value={draft ?? value ?? ''}
      onChange={(event) => setDraft(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === 'Enter' && commit()}
    />
  );
}
