import { TimeRange } from '@grafana/data';
import { getTemplateSrv } from '@grafana/runtime';
import { useEffect, useMemo, useRef, useState } from 'react';

import type { DataSource } from '../../datasource';
import type { KmsQuery, Macro, NamedQuery, Preview, Schema } from '../../types';

/** What was asked of the server: nothing yet, an answer, or why there is none. */
export interface Asked<T> {
  value?: T;
  loading: boolean;
  error?: string;
  /** Ask again after an error. */
  retry: () => void;
}

/** Asks once, gives up when the component goes. */
export function useAsked<T>(ask: (signal: AbortSignal) => Promise<T>, wanted = true): Asked<T> {
  const [state, setState] = useState<{ value?: T; error?: string; round: number }>({ round: 0 });
  const latest = useRef(ask);
  useEffect(() => {
    latest.current = ask;
  });
  const { round } = state;
  useEffect(() => {
    if (!wanted) {
      return undefined;
    }
    const controller = new AbortController();
    latest.current(controller.signal).then(
      (value) => !controller.signal.aborted && setState((old) => ({ ...old, value, error: undefined })),
      (error: unknown) => !controller.signal.aborted && setState((old) => ({ ...old, error: messageOf(error) }))
    );
    return () => controller.abort();
  }, [wanted, round]);
  const retry = () => setState((old) => ({ value: old.value, round: old.round + 1 }));
  return { value: state.value, error: state.error, loading: wanted && !state.value && !state.error, retry };
}

export const useSchema = (datasource: DataSource): Asked<Schema> =>
  useAsked((signal) => datasource.resources.schema(signal));

export const useMacros = (datasource: DataSource): Asked<Macro[]> =>
  useAsked((signal) => datasource.resources.macros(signal));

export const useNamedQueries = (datasource: DataSource, wanted: boolean): Asked<NamedQuery[]> =>
  useAsked((signal) => datasource.resources.named(signal), wanted);

/** The words of an error, with the backend's hint where it has one. */
export function messageOf(error: unknown): string {
  if (typeof error === 'string') {
    return error;
  }
  const { data, message, statusText } = (error ?? {}) as {
    data?: { message?: string; hint?: string; error?: string };
    message?: string;
    statusText?: string;
  };
  const said = data?.message ?? message ?? data?.error ?? statusText;
  return [said ?? 'The server gave no reason.', data?.hint].filter(Boolean).join(' ');
}

/** Names of the dashboard's variables that can stand in a query. */
export function useVariables(wanted: boolean): string[] {
  // Variables can be added while the editor is open, so they are read anew with each rendering.
  const names = wanted
    ? getTemplateSrv()
        .getVariables()
        .filter(({ type }) => !['adhoc', 'datasource', 'groupby', 'snapshot', 'system'].includes(type))
        .map(({ name }) => name)
    : [];
  const joined = names.join('\n');
  return useMemo(() => (joined ? joined.split('\n') : []), [joined]);
}

/** The range a query is asked for, and how finely. */
export interface Panel {
  range?: TimeRange;
  intervalMs?: number;
  maxDataPoints?: number;
}

/** A preview and what it is of. */
export interface Previewed {
  preview?: Preview;
  /** Statement of kind sql with variables put in: what positions of errors are about. */
  sent?: string;
  loading: boolean;
  error?: string;
}

interface PreviewOptions {
  /** Nothing is asked while false. */
  wanted: boolean;
  /** Whether the server plans the statement, which finds mistakes. */
  check: boolean;
  /** Milliseconds without a change before the backend is asked. */
  delay: number;
}

const day = 86_400_000;

/** Asks the backend for the SQL of a query when it has stopped changing; a newer question ends an older one. */
export function usePreview(
  datasource: DataSource,
  query: KmsQuery,
  panel: Panel,
  { wanted, check, delay }: PreviewOptions
): Previewed {
  const { range, intervalMs = 60_000, maxDataPoints = 1_000 } = panel;
  // Ranges such as the last six hours move with every refresh; that is no reason to ask again.
  const key = JSON.stringify([asPreviewed(query), range?.raw, check]);
  const [answer, setAnswer] = useState<{ key: string } & Omit<Previewed, 'loading'>>({ key: '' });
  const latest = useRef({ query, range, intervalMs, maxDataPoints });
  useEffect(() => {
    latest.current = { query, range, intervalMs, maxDataPoints };
  });
  useEffect(() => {
    if (!wanted) {
      return undefined;
    }
    const controller = new AbortController();
    const timer = setTimeout(() => {
      const now = latest.current;
      const sent = datasource.applyTemplateVariables(now.query, {});
      const to = now.range?.to.valueOf() ?? Date.now();
      const from = now.range?.from.valueOf() ?? to - day;
      datasource.resources
        .preview(
          { query: sent, from, to, intervalMs: now.intervalMs, maxDataPoints: now.maxDataPoints, check },
          controller.signal
        )
        .then(
          (preview) => !controller.signal.aborted && setAnswer({ key, preview, sent: sent.sql }),
          (error: unknown) => !controller.signal.aborted && setAnswer({ key, error: messageOf(error) })
        );
    }, delay);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [datasource, wanted, check, delay, key]);
  const { key: of, ...shown } = answer;
  return { ...shown, loading: wanted && of !== key };
}

/** The part of a query that its SQL depends on. */
function asPreviewed(query: KmsQuery) {
  const { kind, format, fill, limit } = query;
  return { kind, format, fill, limit, state: query[kind] };
}
