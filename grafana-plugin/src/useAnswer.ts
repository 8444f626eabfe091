import { useEffect, useState } from 'react';

export interface Answer<T> {
  value?: T;
  /** For people: what is wrong and what to do. */
  error?: string;
  loading: boolean;
}

/**
 * Asks when the question changes, and stops waiting when the component goes
 * away. Keep the question with useCallback; undefined asks nothing. While a new
 * answer is under way the old one stays.
 */
export function useAnswer<T>(ask: ((signal: AbortSignal) => Promise<T>) | undefined): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T> & { of?: typeof ask }>({ loading: false });
  useEffect(() => {
    if (!ask) {
      return;
    }
    const abort = new AbortController();
    ask(abort.signal).then(
      (value) => !abort.signal.aborted && setAnswer({ value, loading: false, of: ask }),
      (error) => !abort.signal.aborted && setAnswer({ error: messageOf(error), loading: false, of: ask })
    );
    return () => abort.abort();
  }, [ask]);
  if (!ask) {
    return { loading: false };
  }
  return answer.of === ask ? answer : { value: answer.value, loading: true };
}

/** The sentence for people in what a request failed with. */
export function messageOf(error: unknown): string {
  if (typeof error === 'string' && error) {
    return error;
  }
  const { data, message, statusText } = (error ?? {}) as {
    data?: { message?: string; hint?: string; error?: string };
    message?: string;
    statusText?: string;
  };
  const said = data?.message || message || data?.error || statusText || 'The request failed.';
  return data?.hint ? `${said} ${data.hint}` : said;
}
