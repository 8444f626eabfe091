import { DataSourceInstanceSettings } from '@grafana/data';
import { DataSourceWithBackend } from '@grafana/runtime';
import { Resources } from './resources';
import { KmsOptions, KmsQuery } from './types';

export class DataSource extends DataSourceWithBackend<KmsQuery, KmsOptions> {
  /** What the backend knows of tables, values, named queries and macros. */
  readonly resources: Resources;

  constructor(settings: DataSourceInstanceSettings<KmsOptions>) {
    super(settings);
    this.resources = new Resources({
      get: (path, params, options) => this.getResource(path, params, options),
      post: (path, body, options) => this.postResource(path, body, options),
    });
  }
}
