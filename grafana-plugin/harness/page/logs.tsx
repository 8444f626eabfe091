// A stand-in for the logs of Explore. It reads a frame of logs by the rules that
// Grafana has for them: the type in its meta, and fields by their names.
import { DataFrame, DataFrameType, dateTimeFormat, Field } from '@grafana/data';
import { Button } from '@grafana/ui';
import { useState } from 'react';

interface LogRowsProps {
  frames: DataFrame[];
  /** Asks for rows with this label only. */
  onFilter?: (label: string, value: string, frame: DataFrame) => void;
}

export function LogRows({ frames, onFilter }: LogRowsProps) {
  return (
    <div role="list" aria-label="Log lines">
      {frames.map((frame) =>
        Array.from({ length: frame.length }, (_, i) => <LogRow key={i} {...{ frame, i, onFilter }} />)
      )}
    </div>
  );
}

/** The field with a name that logs must have. */
function field(frame: DataFrame, name: string): Field {
  const found = frame.fields.find((f) => f.name === name);
  if (frame.meta?.type !== DataFrameType.LogLines || !found) {
    throw new Error(
      `the frame is no log: type ${frame.meta?.type}, fields ${frame.fields.map((f) => f.name).join(', ')}`
    );
  }
  return found;
}

function LogRow({ frame, i, onFilter }: { frame: DataFrame; i: number } & Pick<LogRowsProps, 'onFilter'>) {
  const [open, setOpen] = useState(false);
  const labels: Record<string, unknown> = frame.fields.find((f) => f.name === 'labels')?.values[i] ?? {};
  const severity = frame.fields.find((f) => f.name === 'severity')?.values[i];
  const timestamp = dateTimeFormat(field(frame, 'timestamp').values[i], {
    timeZone: 'utc',
    format: 'YYYY-MM-DD HH:mm:ss.SSS',
  });
  return (
    <div role="listitem">
      <Button fill="text" size="sm" aria-expanded={open} onClick={() => setOpen(!open)}>
        {timestamp} {severity}
      </Button>
      <code style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{String(field(frame, 'body').values[i])}</code>
      {open && (
        <ul>
          {Object.entries(labels).map(([label, value]) => (
            <li key={label}>
              {label}: {String(value)}{' '}
              {onFilter && (
                <Button size="sm" fill="text" onClick={() => onFilter(label, String(value), frame)}>
                  Filter for {label}
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
