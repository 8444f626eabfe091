import { TimeRange } from '@grafana/data';
import { getTemplateSrv } from '@grafana/runtime';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';

import type { DataSource } from '../../datasource';
import type { KmsQuery, Preview } from '../../types';
import { useAnswer } from '../../useAnswer';
import { messageOf } from './message';

export { messageOf };

/** What the server knows, and a way to ask again when it did not say. */
export function useKnowledge(datasource: DataSource, namedWanted: boolean) {
  const [round, setRound] = useState(0);
  const { resources } = datasource;
  // A round asks anew: failed answers are not kept.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const schema = useAnswer(useCallback((signal: AbortSignal) => resources.schema(signal), [resources, round]));
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const macros = useAnswer(useCallback((signal: AbortSignal) => resources.macros(signal), [resources, round]));
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const askNamed = useCallback((signal: AbortSignal) => resources.named(signal), [resources, round]);
  const named = useAnswer(namedWanted ? askNamed : undefined);
  return {
    schema: schema.value,
    macros: macros.value,
    named: named.value,
    error: schema.error ?? macros.error ?? named.error,
    retry: () => setRound(round + 1),
  };
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

/** A preview of a query as it is, or an older one while a newer is on its way. */
export interface Previewed {
  preview?: Preview;
  loading: boolean;
  /** Why there is none. */
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

/** Asks the backend for the SQL of a query. */
export function askPreview(
  datasource: DataSource,
  query: KmsQuery,
  { range, intervalMs = 60_000, maxDataPoints = 1_000 }: Panel,
  check: boolean,
  signal?: AbortSignal
): Promise<Preview> {
  const to = range?.to.valueOf() ?? Date.now();
  const from = range?.from.valueOf() ?? to - day;
  return datasource.preview({ query, from, to, intervalMs, maxDataPoints, check }, signal);
}

/** Asks the backend for the SQL of a query when it has stopped changing; a newer question ends an older one. */
export function usePreview(
  datasource: DataSource,
  query: KmsQuery,
  panel: Panel,
  { wanted, check, delay }: PreviewOptions
): Previewed {
  // Ranges such as the last six hours move with every refresh; that is no reason to ask again.
  const key = JSON.stringify([asPreviewed(query), panel.range?.raw, check]);
  const [answer, setAnswer] = useState<{ key: string; preview?: Preview; error?: string }>({ key: '' });
  const latest = useRef({ query, panel });
  useEffect(() => {
    latest.current = { query, panel };
  });
  useEffect(() => {
    if (!wanted) {
      return undefined;
    }
    const controller = new AbortController();
    const timer = setTimeout(() => {
      const now = latest.current;
      askPreview(datasource, now.query, now.panel, check, controller.signal).then(
        (preview) => !controller.signal.aborted && setAnswer({ key, preview }),
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
