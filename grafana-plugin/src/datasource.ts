import {
  AdHocVariableFilter,
  CoreApp,
  DataSourceGetTagKeysOptions,
  DataSourceGetTagValuesOptions,
  DataSourceInstanceSettings,
  LegacyMetricFindQueryOptions,
  MetricFindValue,
  QueryFixAction,
  ScopedVars,
} from '@grafana/data';
import { DataSourceWithBackend, getTemplateSrv, TemplateSrv } from '@grafana/runtime';
import { DataQuery } from '@grafana/schema';
import { adHocFilters, tagKeys, tagValues } from './request/adhoc';
import { annotations } from './annotations/annotations';
import { describeQuery } from './request/describe';
import { defaultQuery, empty, normalise } from './editor/model/query';
import { filterByClick, QUERY_MODIFICATIONS } from './request/explore';
import { applyVariables, preview, resolveVariables, usesVariables } from './request/variables';
import { Resources } from './resources';
import { Template } from './request/template';
import { KmsOptions, KmsQuery, KmsVariableQuery, Preview, PreviewRequest } from './types';
import { findValues } from './variables/find';
import { readVariableQuery } from './variables/kinds';
import { VariableSupport } from './variables/support';

export class DataSource extends DataSourceWithBackend<KmsQuery, KmsOptions> {
  /** What the backend knows of tables, values, named queries and macros. */
  readonly resources: Resources;

  constructor(
    settings: DataSourceInstanceSettings<KmsOptions>,
    private readonly templates: TemplateSrv = getTemplateSrv()
  ) {
    super(settings);
    this.resources = new Resources({
      get: (path, params, options) => this.getResource(path, params, options),
      post: (path, body, options) => this.postResource(path, body, options),
    });
    this.variables = new VariableSupport(this);
    this.annotations = annotations;
  }

  getDefaultQuery(app: CoreApp): Partial<KmsQuery> {
    return defaultQuery(app);
  }

  /** Empty queries are not run. What else is wrong the backend says: without a word the panel would look as if there were no data. */
  filterQuery(query: KmsQuery): boolean {
    return !query.hide && !empty(normalise(query));
  }

  applyTemplateVariables(query: KmsQuery, scoped: ScopedVars, filters?: AdHocVariableFilter[]): KmsQuery {
    return withFilters(query, applyVariables(normalise(query), this.template(scoped)), filters);
  }

  /** Queries for where there are no variables: a panel's, opened in Explore. */
  interpolateVariablesInQueries(queries: KmsQuery[], scoped: ScopedVars, filters?: AdHocVariableFilter[]): KmsQuery[] {
    return queries.map((query) => ({
      ...withFilters(query, resolveVariables(normalise(query), this.template(scoped)), filters),
      datasource: this.getRef(),
    }));
  }

  /** Alert rules have no variables; Grafana says so of queries that need them. */
  targetContainsTemplate(query: KmsQuery): boolean {
    return usesVariables(normalise(query), this.template());
  }

  /** SQL of another datasource stays SQL. */
  async importQueries(queries: DataQuery[]): Promise<KmsQuery[]> {
    return queries.map((query) => ({ ...normalise(query as Partial<KmsQuery>), datasource: this.getRef() }));
  }

  getQueryDisplayText(query: KmsQuery): string {
    return describeQuery(normalise(query));
  }

  getSupportedQueryModifications(): string[] {
    return QUERY_MODIFICATIONS;
  }

  /** Filters by a value that was clicked on in Explore. */
  modifyQuery(query: KmsQuery, action: QueryFixAction): KmsQuery {
    return filterByClick(normalise(query), action);
  }

  /** The SQL of a query, and what is wrong with it at the place in the text as typed. */
  preview(request: PreviewRequest, signal?: AbortSignal): Promise<Preview> {
    return preview(this.resources, request, this.template(), signal);
  }

  metricFindQuery(
    query: KmsVariableQuery | string,
    options?: LegacyMetricFindQueryOptions
  ): Promise<MetricFindValue[]> {
    return findValues(this, readVariableQuery(query), options);
  }

  getTagKeys(options?: DataSourceGetTagKeysOptions<KmsQuery>): Promise<MetricFindValue[]> {
    return tagKeys(this.resources, options);
  }

  getTagValues(options: DataSourceGetTagValuesOptions<KmsQuery>): Promise<MetricFindValue[]> {
    return tagValues(this.resources, options);
  }

  /** The variables of the dashboard that is open. */
  template(scoped?: ScopedVars): Template {
    return new Template(this.templates, scoped);
  }
}

/** A request with the dashboard's filters, and with what Explore was given by the panel that it came from. */
function withFilters(saved: KmsQuery, request: KmsQuery, filters?: AdHocVariableFilter[]): KmsQuery {
  const adhoc = [...(saved.adhoc ?? []), ...adHocFilters(filters)];
  const variables = { ...saved.variables, ...request.variables };
  return {
    ...request,
    ...(adhoc.length > 0 && { adhoc }),
    ...(Object.keys(variables).length > 0 && { variables }),
  };
}
