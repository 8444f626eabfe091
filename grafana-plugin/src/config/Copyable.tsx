import { css } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { ClipboardButton, useStyles2 } from '@grafana/ui';
import React from 'react';

interface Props {
  /** What the text is, for screen readers. */
  label: string;
  text: string;
}

/** Text to take elsewhere. */
export function Copyable({ label, text }: Props) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.box}>
      {/* A region that scrolls has to be reachable with the keyboard. */}
      <pre className={styles.text} role="region" aria-label={label} tabIndex={0}>
        {text}
      </pre>
      <ClipboardButton icon="copy" size="sm" variant="secondary" getText={() => text} aria-label={`Copy ${label}`}>
        Copy
      </ClipboardButton>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  box: css({
    display: 'flex',
    alignItems: 'flex-start',
    justifyContent: 'space-between',
    gap: theme.spacing(1),
    maxWidth: 720,
    padding: theme.spacing(1),
    background: theme.colors.background.canvas,
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
  }),
  text: css({
    flex: 1,
    minWidth: 0,
    margin: 0,
    padding: theme.spacing(0.5),
    overflow: 'auto',
    border: 'none',
    background: 'transparent',
    color: theme.colors.text.primary,
    fontSize: theme.typography.bodySmall.fontSize,
    lineHeight: 1.5,
  }),
});
