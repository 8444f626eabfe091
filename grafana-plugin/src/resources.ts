import { BackendSrvRequest } from '@grafana/runtime';
import { Macro, NamedQuery, Preview, PreviewRequest, Schema, Status, Value, ValueKind } from './types';

type Params = Record<string, string | number | undefined>;
type Options = Partial<BackendSrvRequest>;

/** How the backend is asked; DataSourceWithBackend's getResource and postResource. */
export interface Door {
  get<T>(path: string, params?: Params, options?: Options): Promise<T>;
  post<T>(path: string, body: unknown, options?: Options): Promise<T>;
}

/** Which values to list, and of which time; milliseconds since 1970. */
export interface ValueQuery {
  search?: string;
  from?: number;
  to?: number;
  limit?: number;
}

interface Kept {
  answer: Promise<unknown>;
  until: number;
}

const MINUTE = 60_000;

/**
 * A typed client of the backend's resources. Who asks the same while an answer is
 * under way gets that answer, and answers are kept for a while. Abort what is
 * no longer wanted with a signal: the caller gets an AbortError, and the
 * request itself goes on only while somebody else waits for it.
 */
export class Resources {
  private readonly kept = new Map<string, Kept>();

  constructor(
    private readonly door: Door,
    private readonly now: () => number = Date.now
  ) {}

  schema(signal?: AbortSignal): Promise<Schema> {
    return this.cached('schema', {}, 5 * MINUTE, signal);
  }

  named(signal?: AbortSignal): Promise<NamedQuery[]> {
    return this.cached('named', {}, 5 * MINUTE, signal);
  }

  macros(signal?: AbortSignal): Promise<Macro[]> {
    return this.cached('macros', {}, 60 * MINUTE, signal);
  }

  /** Accounts, Regions, keys and so on, names for people with them. */
  values(kind: ValueKind, query: ValueQuery = {}, signal?: AbortSignal): Promise<Value[]> {
    return this.cached('values', { kind, ...wholeMinutes(query) }, MINUTE, signal);
  }

  /** Values of any column. */
  columnValues(table: string, column: string, query: ValueQuery = {}, signal?: AbortSignal): Promise<Value[]> {
    return this.cached('values', { table, column, ...wholeMinutes(query) }, MINUTE, signal);
  }

  /** Not kept: the server may have learned something since. */
  status(signal?: AbortSignal): Promise<Status> {
    return this.cached('status', {}, 0, signal);
  }

  /** The SQL of a query, with and without macros, and what is wrong with it. */
  preview(request: PreviewRequest, signal?: AbortSignal): Promise<Preview> {
    return unlessAborted(this.door.post<Preview>('preview', request, QUIET), signal);
  }

  /** Forget all answers, so that the next question asks the server. */
  forget() {
    this.kept.clear();
  }

  private cached<T>(path: string, params: Params, keep: number, signal?: AbortSignal): Promise<T> {
    const key = path + '?' + JSON.stringify(params);
    const now = this.now();
    const old = this.kept.get(key);
    if (old && now < old.until) {
      return unlessAborted(old.answer as Promise<T>, signal);
    }
    this.forgetBefore(now);
    const answer = this.door.get<T>(path, params, QUIET);
    const entry = { answer, until: Infinity };
    this.kept.set(key, entry);
    answer.then(
      () => (entry.until = this.now() + keep),
      () => this.kept.get(key) === entry && this.kept.delete(key)
    );
    return unlessAborted(answer, signal);
  }

  private forgetBefore(now: number) {
    for (const [key, { until }] of this.kept) {
      if (until <= now) {
        this.kept.delete(key);
      }
    }
  }
}

/** Ranges that end now differ by milliseconds; rounded outwards they are the same question. */
function wholeMinutes({ from, to, ...query }: ValueQuery): Params {
  return {
    ...query,
    ...(from !== undefined && { from: Math.floor(from / MINUTE) * MINUTE }),
    ...(to !== undefined && { to: Math.ceil(to / MINUTE) * MINUTE }),
  };
}

// Editors show errors where they belong, not as a toast.
const QUIET: Options = { showErrorAlert: false };

function unlessAborted<T>(answer: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) {
    return answer;
  }
  return new Promise((resolve, reject) => {
    const abort = () => reject(new DOMException('no longer wanted', 'AbortError'));
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
