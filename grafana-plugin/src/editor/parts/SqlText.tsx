import { css, cx } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';
import React, { useMemo } from 'react';

import { keywordSet } from '../sql/keywords';
import { type Token, tokenize } from '../sql/tokens';

interface Props {
  sql: string;
  /** What the text is, for screen readers. */
  label: string;
  /** Lines that cannot be broken scroll. */
  className?: string;
}

/** SQL to read: in colours, to be selected and scrolled with the keyboard. */
export function SqlText({ sql, label, className }: Props) {
  const styles = useStyles2(getStyles);
  const tokens = useMemo(() => tokenize(sql), [sql]);
  return (
    // A region that scrolls has to be reachable with the keyboard.
    <pre className={cx(styles.text, className)} role="region" aria-label={label} tabIndex={0}>
      {tokens.map((token) => (
        <span key={token.start} className={styles[colourOf(token)]}>
          {token.text}
        </span>
      ))}
    </pre>
  );
}

function colourOf(token: Token): 'plain' | 'keyword' | 'string' | 'macro' | 'comment' {
  switch (token.kind) {
    case 'string':
    case 'number':
      return 'string';
    case 'macro':
    case 'variable':
      return 'macro';
    case 'comment':
      return 'comment';
    case 'word':
      return keywordSet.has(token.text.toLowerCase()) ? 'keyword' : 'plain';
    default:
      return 'plain';
  }
}

const getStyles = (theme: GrafanaTheme2) => ({
  text: css({
    margin: 0,
    padding: theme.spacing(1),
    maxHeight: 200,
    overflow: 'auto',
    whiteSpace: 'pre',
    fontFamily: theme.typography.fontFamilyMonospace,
    fontSize: theme.typography.bodySmall.fontSize,
    lineHeight: 1.5,
    color: theme.colors.text.primary,
    background: theme.colors.background.canvas,
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
  }),
  plain: css({}),
  keyword: css({ color: theme.colors.primary.text }),
  string: css({ color: theme.colors.success.text }),
  macro: css({ color: theme.colors.warning.text }),
  comment: css({ color: theme.colors.text.secondary, fontStyle: 'italic' }),
});
