import { css, cx } from '@emotion/css';
import { GrafanaTheme2 } from '@grafana/data';
import { Field, useStyles2 } from '@grafana/ui';
import React, { type ReactElement, type ReactNode } from 'react';

interface CellProps {
  label: ReactNode;
  htmlFor?: string;
  /** Least width in pixels; cells grow and go to the next line where there is no place. */
  width?: number;
  grow?: boolean;
  error?: ReactNode;
  description?: ReactNode;
  children: ReactElement<Record<string, unknown>>;
}

/** An input under its label. */
export function Cell({ label, htmlFor, width = 160, grow = false, error, description, children }: CellProps) {
  const styles = useStyles2(getStyles);
  return (
    <div className={cx(styles.cell, grow && styles.grow)} style={{ flexBasis: width, minWidth: Math.min(width, 220) }}>
      <Field noMargin label={label} htmlFor={htmlFor} error={error} invalid={Boolean(error)} description={description}>
        {children}
      </Field>
    </div>
  );
}

/** A name for an input that its place explains to those who see it. */
export function HiddenLabel({ htmlFor, children }: { htmlFor: string; children: string }) {
  const styles = useStyles2(getStyles);
  return (
    <label htmlFor={htmlFor} className={styles.hidden}>
      {children}
    </label>
  );
}

interface CellsProps {
  children: ReactNode;
  label?: string;
  /** Cells of the same width, in columns. */
  columns?: boolean;
}

/** Cells side by side, and below each other where it is narrow. */
export function Cells({ children, label, columns = false }: CellsProps) {
  const styles = useStyles2(getStyles);
  return (
    <div className={columns ? styles.columns : styles.cells} role={label ? 'group' : undefined} aria-label={label}>
      {children}
    </div>
  );
}

/** A part of the builder with its name: metrics, filters, … */
export function Section({ title, children }: { title: string; children: ReactNode }) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.section} role="group" aria-label={title}>
      <div className={styles.title}>{title}</div>
      <div className={styles.body}>{children}</div>
    </div>
  );
}

/** Sections beside each other where there is room. */
export function SideBySide({ children }: { children: ReactNode }) {
  const styles = useStyles2(getStyles);
  return <div className={styles.sideBySide}>{children}</div>;
}

/** One entry of a list, such as a filter, with what removes it at its end. */
export function Entry({ children, label }: { children: ReactNode; label: string }) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.entry} role="group" aria-label={label}>
      {children}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  cells: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'flex-start',
    gap: theme.spacing(1, 2),
  }),
  columns: css({
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fill, minmax(min(240px, 100%), 1fr))',
    gap: theme.spacing(1, 2),
  }),
  cell: css({ flexGrow: 0, flexShrink: 1, maxWidth: '100%' }),
  grow: css({ flexGrow: 1 }),
  hidden: css({
    position: 'absolute',
    width: 1,
    height: 1,
    margin: -1,
    overflow: 'hidden',
    clipPath: 'inset(50%)',
    whiteSpace: 'nowrap',
  }),
  sideBySide: css({ display: 'flex', flexWrap: 'wrap', columnGap: theme.spacing(3), '> *': { flex: '1 1 420px' } }),
  section: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'flex-start',
    gap: theme.spacing(0.5, 1),
    minWidth: 0,
    padding: theme.spacing(0.75, 0),
    borderTop: `1px solid ${theme.colors.border.weak}`,
  }),
  title: css({
    flex: `0 0 ${theme.spacing(9)}`,
    lineHeight: theme.spacing(theme.components.height.md),
    fontSize: theme.typography.bodySmall.fontSize,
    fontWeight: theme.typography.fontWeightMedium,
    color: theme.colors.text.primary,
  }),
  body: css({
    display: 'flex',
    flex: '1 1 280px',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(1),
    minWidth: 0,
  }),
  entry: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(0.5),
    maxWidth: '100%',
    padding: theme.spacing(0.25, 0.5, 0.25, 0.25),
    borderRadius: theme.shape.radius.default,
    background: theme.colors.background.secondary,
  }),
});
