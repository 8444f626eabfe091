// Grafana's services, as far as a datasource plugin and scenes ask for them: they
// go to the bridge, which has Grafana's paths.
import {
  AppEvents,
  DataSourceApi,
  DataSourceInstanceSettings,
  DataSourceJsonData,
  DataSourcePlugin,
  DataSourceRef,
  DataSourceWithToggleableQueryFiltersSupport,
  EventBusSrv,
  PanelPlugin,
  ScopedVars,
  TypedVariableModel,
  VariableSupportType,
} from '@grafana/data';
import {
  BackendSrv,
  BackendSrvRequest,
  FetchError,
  FetchResponse,
  setAppEvents,
  setBackendSrv,
  setDataSourceSrv,
  setEchoSrv,
  setLocationSrv,
  setPluginImportUtils,
  setRunRequest,
  setTemplateSrv,
  VariableInterpolation,
} from '@grafana/runtime';
import { initDataSourceInstanceSettings } from '@grafana/runtime/settings';
import { MultiValueVariable, SceneObject, sceneGraph } from '@grafana/scenes';
import { from, Observable } from 'rxjs';
import { runRequest } from './run';

/** A datasource with any query and options. */
export type Datasource = DataSourceApi<any, any> & Partial<DataSourceWithToggleableQueryFiltersSupport<any>>;

export const PLUGIN_ID = 'kmstrail-kms-datasource';

export const appEvents = new EventBusSrv();

async function request<T>(o: BackendSrvRequest): Promise<FetchResponse<T>> {
  const query = new URLSearchParams(Object.entries(o.params ?? {}).map(([k, v]) => [k, String(v)])).toString();
  const url = (o.url.startsWith('/') ? o.url : '/' + o.url) + (query ? (o.url.includes('?') ? '&' : '?') + query : '');
  const response = await fetch(url, {
    method: o.method ?? 'GET',
    headers: { ...(o.data === undefined ? {} : { 'Content-Type': 'application/json' }), ...o.headers },
    body: o.data === undefined ? undefined : JSON.stringify(o.data),
    signal: o.abortSignal,
  });
  const text = await response.text();
  const json = response.headers.get('Content-Type')?.includes('json');
  const answer = {
    data: json && text ? JSON.parse(text) : text,
    status: response.status,
    statusText: response.statusText,
    ok: response.ok,
    headers: response.headers,
    redirected: response.redirected,
    type: response.type,
    url: response.url,
    config: o,
  };
  if (!response.ok) {
    const error: FetchError = { ...answer, data: answer.data };
    if (o.showErrorAlert !== false) {
      appEvents.publish({ type: AppEvents.alertError.name, payload: [answer.data?.message ?? response.statusText] });
    }
    throw error;
  }
  return answer;
}

/** Ends the request when nobody waits for its answer any more. */
function cancellable<T>(o: BackendSrvRequest): Observable<FetchResponse<T>> {
  return new Observable((subscriber) => {
    const abort = new AbortController();
    const answer = from(request<T>({ ...o, abortSignal: abort.signal })).subscribe(subscriber);
    return () => {
      answer.unsubscribe();
      abort.abort();
    };
  });
}

const data = async <T>(o: BackendSrvRequest) => (await request<T>(o)).data;

const backendSrv: BackendSrv = {
  get: (url, params, _, options) => data({ ...options, url, params, method: 'GET' }),
  delete: (url, body, options) => data({ ...options, url, data: body, method: 'DELETE' }),
  post: (url, body, options) => data({ ...options, url, data: body, method: 'POST' }),
  patch: (url, body, options) => data({ ...options, url, data: body, method: 'PATCH' }),
  put: (url, body, options) => data({ ...options, url, data: body, method: 'PUT' }),
  request: data,
  datasourceRequest: request,
  fetch: cancellable,
  chunked: () => {
    throw new Error('answers in parts are not asked for here');
  },
};

/** The scene on the page, whose variables are those of the dashboard. */
let scene: SceneObject | undefined;
export const setScene = (s: SceneObject) => (scene = s);

/** Variables of the scene in the form that datasources know. */
function variables(): TypedVariableModel[] {
  const list = scene ? sceneGraph.getVariables(scene).state.variables : [];
  return list.map((v) => {
    const multi = v instanceof MultiValueVariable ? v.state : undefined;
    return {
      name: v.state.name,
      type: v.state.type,
      label: v.state.label,
      multi: multi?.isMulti,
      includeAll: multi?.includeAll,
      current: { value: multi?.value, text: multi?.text },
    } as unknown as TypedVariableModel;
  });
}

function replace(
  target = '',
  scopedVars?: ScopedVars,
  format?: string | Function,
  interpolations?: VariableInterpolation[]
): string {
  const context: SceneObject | undefined = scopedVars?.__sceneObject?.value.valueOf() ?? scene;
  return context ? sceneGraph.interpolate(context, target, scopedVars, format as string, interpolations) : target;
}

function settingsOf(uid: string, name: string, meta: object, jsonData: DataSourceJsonData): DataSourceInstanceSettings {
  return {
    id: 1,
    uid,
    name,
    type: PLUGIN_ID,
    access: 'proxy',
    url: `/api/datasources/proxy/uid/${uid}`,
    jsonData,
    meta: meta as DataSourceInstanceSettings['meta'],
    readOnly: false,
    isDefault: true,
  };
}

/**
 * Sets all services up and returns the datasource with the uid, made by the
 * plugin's own class.
 */
export async function setUp(
  plugin: DataSourcePlugin<Datasource>,
  uid: string,
  panels: (id: string) => PanelPlugin
): Promise<Datasource> {
  setBackendSrv(backendSrv);
  setAppEvents(appEvents);
  setTemplateSrv({
    getVariables: variables,
    replace,
    containsTemplate: (target) => /\$\w|\$\{|\[\[/.test(target ?? ''),
    updateTimeRange: () => {},
  });
  setEchoSrv({ flush: () => {}, addBackend: () => {}, addEvent: () => {}, onInteraction: () => () => {} });
  setLocationSrv({ update: () => {} });
  setRunRequest(runRequest);
  setPluginImportUtils({ importPanelPlugin: async (id) => panels(id), getPanelPluginFromCache: panels });
  const [meta, saved] = await Promise.all([
    backendSrv.get(`/public/plugins/${PLUGIN_ID}/plugin.json`),
    backendSrv.get(`/api/datasources/uid/${uid}`),
  ]);
  const settings = settingsOf(
    uid,
    saved.name,
    { ...meta, baseUrl: `public/plugins/${PLUGIN_ID}` },
    saved.jsonData ?? {}
  );
  plugin.meta = settings.meta;
  const datasource = new plugin.DataSourceClass(settings);
  datasource.meta = settings.meta;
  datasource.components = plugin.components;
  initDataSourceInstanceSettings({ [settings.name]: settings }, settings.name);
  setDataSourceSrv({
    get: async (ref?: DataSourceRef | string | null) => known(ref, datasource),
    getList: () => [settings],
    getInstanceSettings: () => settings,
    reload: async () => {},
    registerRuntimeDataSource: () => {},
  });
  return datasource;
}

function known(ref: DataSourceRef | string | null | undefined, datasource: Datasource): Datasource {
  const uid = replace((typeof ref === 'string' ? ref : ref?.uid) ?? datasource.uid);
  if (![datasource.uid, datasource.name, 'default'].includes(uid)) {
    throw new Error(`there is no datasource ${uid} here`);
  }
  return datasource;
}

/** How variables of the datasource are edited. */
export function variableEditor(datasource: Datasource) {
  const support = datasource.variables;
  if (support?.getType() !== VariableSupportType.Custom) {
    throw new Error('the datasource has no editor for variables');
  }
  return support as unknown as { editor: React.ComponentType<any>; query: (r: any) => Observable<{ data: unknown[] }> };
}
