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

export function runRequest(datasource: DataSourceApi, request: DataQueryRequest): Observable<PanelData> {
  const targets = request.targets.filter((q) => !q.hide && (datasource.filterQuery?.(q) ?? true));
  const empty: PanelData = { state: LoadingState.Done, series: [], request, timeRange: request.range };
  if (targets.length === 0) {
    return of(empty);
  }
  return defer(() => from(datasource.query({ ...request, targets }))).pipe(
    map((response): PanelData => {
      const frames: DataFrame[] = response.data.map((frame) => toDataFrame(frame));
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
