import { Combobox } from '@grafana/ui';
import React, { useMemo } from 'react';

import { type Template, templates } from '../model/templates';
import { chosen } from './chosen';

interface Props {
  id: string;
  onPick: (template: Template) => void;
}

/** Queries for a task to begin with. */
export function TemplatePicker({ id, onPick }: Props) {
  const options = useMemo(
    () => templates.map(({ id: value, title, description, group }) => ({ value, label: title, description, group })),
    []
  );
  return (
    <Combobox
      id={id}
      options={options}
      value={null}
      placeholder="Start from a template"
      prefixIcon="rocket"
      width={26}
      onChange={chosen(({ value }) => onPick(templates.find((template) => template.id === value)!))}
    />
  );
}
