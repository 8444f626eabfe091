// Runs queries as Grafana's panels do: what comes is a PanelData that loads first.
import {
  DataFrame,
  DataQueryRequest,
  DataSourceApi,
  DataTopic,
  LoadingState,
  PanelData,
  toDataFrame,
} from '@grafana/data';
import { toDataQueryError } from '@grafana/runtime';
import { catchError, defer, from, map, Observable, of, startWith } from 'rxjs';

/** ask stands in for the datasource's query function; variables have one of their own. */
export function runRequest(
  datasource: DataSourceApi,
  request: DataQueryRequest,
  ask: DataSourceApi['query'] = (r) => datasource.query(r)
): Observable<PanelData> {
  const targets = request.targets.filter((q) => !q.hide && (datasource.filterQuery?.(q) ?? true));
  const empty: PanelData = { state: LoadingState.Done, series: [], request, timeRange: request.range };
  if (targets.length === 0) {
    return of(empty);
  }
  return defer(() => from(ask({ ...request, targets }))).pipe(
    map((response): PanelData => {
      // Values of variables come the same way, and are no frames.
      const frames: DataFrame[] = response.data.map((item) => ('fields' in item ? toDataFrame(item) : item));
      const errors = response.errors ?? (response.error ? [response.error] : undefined);
      return {
        ...empty,
        state: errors ? LoadingState.Error : (response.state ?? LoadingState.Done),
        series: frames.filter((f) => f.meta?.dataTopic !== DataTopic.Annotations),
        annotations: frames.filter((f) => f.meta?.dataTopic === DataTopic.Annotations),
        error: errors?.[0],
        errors,
      };
    }),
    catchError((err) => {
      const error = toDataQueryError(err);
      return of({ ...empty, state: LoadingState.Error, error, errors: [error] });
    }),
    startWith({ ...empty, state: LoadingState.Loading })
  );
}
