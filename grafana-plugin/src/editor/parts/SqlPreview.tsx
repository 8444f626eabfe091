import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { ClipboardButton, RadioButtonGroup, Spinner, useStyles2 } from '@grafana/ui';
import React, { type ReactNode, useState } from 'react';

import type { Previewed } from './hooks';
import { SqlText } from './SqlText';

type Shown = 'macros' | 'expanded';

interface Props {
  previewed: Previewed;
  /** Only the SQL as the server gets it; for text that has the macros already. */
  expandedOnly?: boolean;
  /** Buttons beside the copy button. */
  actions?: ReactNode;
}

/** The SQL that a query becomes, to read and copy. */
export function SqlPreview({ previewed: { preview, loading, error }, expandedOnly = false, actions }: Props) {
  const styles = useStyles2(getStyles);
  const [shown, setShown] = useState<Shown>('macros');
  const sql = shown === 'expanded' || expandedOnly ? preview?.expanded : preview?.sql;
  // Beside an editor, that one says what is wrong, and where.
  const problem = expandedOnly ? undefined : (error ?? preview?.error?.message);
  return (
    <div className={styles.frame}>
      <div className={styles.bar}>
        {expandedOnly ? (
          <span className={styles.title}>As the server gets it</span>
        ) : (
          <RadioButtonGroup<Shown>
            size="sm"
            aria-label="SQL preview shows"
            options={[
              { value: 'macros', label: 'With macros', description: 'As you would write it' },
              { value: 'expanded', label: 'As sent', description: 'What the server gets, macros expanded' },
            ]}
            value={shown}
            onChange={setShown}
          />
        )}
        {loading && <Spinner inline size="sm" />}
        <span className={styles.gap} />
        {actions}
        <ClipboardButton
          size="sm"
          variant="secondary"
          fill="outline"
          icon="copy"
          getText={() => sql ?? ''}
          disabled={!sql}
          aria-label="Copy SQL"
        >
          Copy
        </ClipboardButton>
      </div>
      {sql && <SqlText sql={sql} label={expandedOnly || shown === 'expanded' ? 'SQL as sent' : 'SQL preview'} />}
      {problem && (
        <div className={styles.problem} role="status">
          {problem}
        </div>
      )}
      {!expandedOnly &&
        preview?.notices?.map((notice) => (
          <div key={notice} className={styles.notice}>
            {notice}
          </div>
        ))}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  frame: css({ display: 'flex', flexDirection: 'column', gap: theme.spacing(0.5), paddingTop: theme.spacing(0.5) }),
  bar: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(1) }),
  title: css({ fontSize: theme.typography.bodySmall.fontSize, fontWeight: theme.typography.fontWeightMedium }),
  gap: css({ flex: 1 }),
  problem: css({ color: theme.colors.error.text, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }),
  notice: css({ color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
});
