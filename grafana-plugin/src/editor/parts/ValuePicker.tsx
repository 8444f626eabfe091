import { Combobox, type ComboboxOption, MultiCombobox } from '@grafana/ui';
import React, { useCallback, useEffect, useRef, useState } from 'react';

import type { Value } from '../../types';
import { isVariable } from '../model/builder';

/** Asks for values that have a text in them. */
export type Load = (search: string) => Promise<Value[]>;

interface CommonProps {
  id: string;
  load: Load;
  /** Values have names for people, which are asked for. */
  named?: boolean;
  /** Dashboard variables that can stand for a value. */
  variables?: readonly string[];
  placeholder?: string;
  invalid?: boolean;
  disabled?: boolean;
}

interface OneProps extends CommonProps {
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  clearable?: boolean;
}

interface ManyProps extends CommonProps {
  values: readonly string[];
  onChange: (values: string[]) => void;
}

/** A value of the data, or one that is typed. */
export function ValuePicker({ value, onChange, clearable = false, ...common }: OneProps) {
  const { options, label } = useOptions(common, value ? [value] : []);
  const props = {
    id: common.id,
    options,
    // With its label, since the list is not there before it is opened.
    value: value ? { value, label: label(value) } : null,
    placeholder: common.placeholder,
    invalid: common.invalid,
    disabled: common.disabled,
    createCustomValue: true,
  };
  return clearable ? (
    <Combobox {...props} isClearable onChange={(option) => onChange(option?.value)} />
  ) : (
    <Combobox {...props} onChange={(option) => onChange(option.value)} />
  );
}

/** Values of the data, or ones that are typed. */
export function ValuesPicker({ values, onChange, ...common }: ManyProps) {
  const { options, label } = useOptions(common, values);
  return (
    <MultiCombobox
      id={common.id}
      options={options}
      value={values.map((value) => ({ value, label: label(value) }))}
      onChange={(picked) => onChange(picked.map((option) => option.value))}
      placeholder={common.placeholder}
      invalid={common.invalid}
      disabled={common.disabled}
      createCustomValue
      isClearable
    />
  );
}

/** Values whose names are asked for when an editor opens. */
const mostNames = 5;

/** Options to load as one types, variables before them, and the names of those seen so far. */
function useOptions({ load, variables = [], named = false }: CommonProps, chosen: readonly string[]) {
  const [names, setNames] = useState<ReadonlyMap<string, string>>(new Map());
  const latest = useRef(load);
  useEffect(() => {
    latest.current = load;
  });
  const ask = useCallback(async (search: string): Promise<Value[]> => {
    const values = await latest.current(search);
    setNames((old) => new Map([...old, ...values.map(({ value, text }): [string, string] => [value, text])]));
    return values;
  }, []);

  const unknown = chosen.filter((value) => !isVariable(value) && !names.has(value)).slice(0, mostNames);
  const asked = useRef(new Set<string>());
  const wanted = named ? unknown.join('\n') : '';
  useEffect(() => {
    const values = wanted.split('\n').filter((value) => value !== '' && !asked.current.has(value));
    values.forEach((value) => {
      asked.current.add(value);
      // Without its name a value is shown as it is.
      ask(value).catch(() => undefined);
    });
  }, [wanted, ask]);

  const joined = variables.join('\n');
  const options = useCallback(
    async (search: string): Promise<Array<ComboboxOption<string>>> => {
      const dollar = search.startsWith('$');
      const values = dollar ? [] : await ask(search);
      return [...variableOptions(joined ? joined.split('\n') : [], search), ...values.map(asOption)];
    },
    [ask, joined]
  );
  return { options, label: (value: string) => names.get(value) ?? value };
}

function variableOptions(names: readonly string[], search: string): Array<ComboboxOption<string>> {
  return names
    .map((name) => ({ value: `$${name}`, label: `$${name}`, description: 'Dashboard variable' }))
    .filter((option) => option.value.toLowerCase().includes(search.toLowerCase()));
}

function asOption({ text, value, description }: Value): ComboboxOption<string> {
  return { value, label: text, description: description ?? (text === value ? undefined : value) };
}
