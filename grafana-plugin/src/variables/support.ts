import { CustomVariableSupport, DataQueryRequest, DataQueryResponse } from '@grafana/data';
import { from, map, Observable } from 'rxjs';
import type { DataSource } from '../datasource';
import { KmsQuery, KmsVariableQuery } from '../types';
import { DEFAULT_VARIABLE } from './kinds';
import { VariableEditor } from './VariableEditor';

/** Lists values for dashboard variables. */
export class VariableSupport extends CustomVariableSupport<DataSource, KmsVariableQuery> {
  editor = VariableEditor;

  constructor(private readonly datasource: DataSource) {
    super();
  }

  getDefaultQuery(): Partial<KmsQuery> {
    return DEFAULT_VARIABLE as Partial<KmsQuery>;
  }

  query(request: DataQueryRequest<KmsVariableQuery>): Observable<DataQueryResponse> {
    return from(this.datasource.metricFindQuery(request.targets[0], request)).pipe(map((data) => ({ data })));
  }
}
