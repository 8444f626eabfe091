// The pages of Grafana on which people meet the plugin.
import {
  AnnotationQuery,
  CoreApp,
  dateTime,
  DataQuery,
  DataQueryRequest,
  DataSourcePlugin,
  DataSourceSettings,
  GrafanaTheme2,
  LoadingState,
  MetricFindValue,
  PanelData,
  rangeUtil,
  TimeRange,
  applyFieldOverrides,
} from '@grafana/data';
import { getBackendSrv, getTemplateSrv } from '@grafana/runtime';
import { Alert, Button, Field, Input, PanelChrome, PanelContextProvider, TimeRangeInput, useTheme2 } from '@grafana/ui';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { firstValueFrom, last, Subscription } from 'rxjs';
import { LogRows } from './logs';
import { panelPlugin } from './panels';
import { OCTOBER } from './routes';
import { runRequest } from './run';
import { appEvents, Datasource, variableEditor } from './services';

export interface ViewProps {
  plugin: DataSourcePlugin<Datasource>;
  datasource: Datasource;
  params: URLSearchParams;
}

type Query = DataQuery & Record<string, unknown>;

/** The page on which a datasource is set up. */
export function ConfigView({ plugin, datasource }: ViewProps) {
  const [settings, setSettings] = useState<DataSourceSettings<any, any>>();
  const [outcome, setOutcome] = useState<{ severity: 'success' | 'error'; title: string; details?: any }>();
  const api = `/api/datasources/uid/${datasource.uid}`;
  useEffect(() => {
    getBackendSrv().get(api).then(setSettings);
  }, [api]);
  const Editor = plugin.components.ConfigEditor;
  if (!settings || !Editor) {
    return null;
  }
  const save = async () => {
    setOutcome(undefined);
    const saved = await getBackendSrv().put(api, settings);
    setSettings(saved.datasource);
    try {
      const { message } = await datasource.testDatasource();
      setOutcome({ severity: 'success', title: message });
    } catch (err: any) {
      setOutcome({ severity: 'error', title: err.message, details: err.error?.details ?? err.details });
    }
  };
  return (
    <form onSubmit={(e) => e.preventDefault()}>
      <Field label="Name">
        <Input
          id="basic-settings-name"
          value={settings.name}
          onChange={(e) => setSettings({ ...settings, name: e.currentTarget.value })}
        />
      </Field>
      <Editor options={settings} onOptionsChange={setSettings} />
      {outcome && (
        <Alert severity={outcome.severity} title={outcome.title} data-testid="outcome">
          {outcome.details?.verboseMessage}
        </Alert>
      )}
      <Button onClick={save}>Save &amp; test</Button>
    </form>
  );
}

function rangeOf(params: URLSearchParams): TimeRange {
  const from = params.get('from') ?? OCTOBER.from;
  const to = params.get('to') ?? OCTOBER.to;
  return rangeUtil.convertRawToRange({ from: dateTime(from).utc(), to: dateTime(to).utc() }, 'utc');
}

let requests = 0;

function requestFor(targets: DataQuery[], range: TimeRange, app: CoreApp): DataQueryRequest {
  const { interval, intervalMs } = rangeUtil.calculateInterval(range, 800, '1m');
  return {
    requestId: `harness-${++requests}`,
    app,
    range,
    rangeRaw: range.raw,
    timezone: 'utc',
    interval,
    intervalMs,
    maxDataPoints: 800,
    scopedVars: {
      __interval: { text: interval, value: interval },
      __interval_ms: { text: intervalMs, value: intervalMs },
    },
    startTime: Date.now(),
    targets,
  };
}

function nothing(range: TimeRange): PanelData {
  return { state: LoadingState.NotStarted, series: [], timeRange: range };
}

/** Runs queries, the newest only. */
function useQueries(datasource: Datasource, range: TimeRange, app: CoreApp) {
  const [data, setData] = useState<PanelData>(() => nothing(range));
  const running = useRef<Subscription>(undefined);
  const theme = useTheme2();
  const run = useCallback(
    (queries: DataQuery[]) => {
      running.current?.unsubscribe();
      const request = requestFor(queries, range, app);
      running.current = runRequest(datasource, request).subscribe((d) => setData({ ...d, series: dressed(d, theme) }));
    },
    [datasource, range, app, theme]
  );
  useEffect(() => () => running.current?.unsubscribe(), []);
  return { data, run };
}

/** Units, names and links of the frames, as panels have them. */
function dressed(data: PanelData, theme: GrafanaTheme2) {
  return applyFieldOverrides({
    data: data.series,
    fieldConfig: { defaults: {}, overrides: [] },
    replaceVariables: (value, vars, format) => getTemplateSrv().replace(value, vars, format),
    theme,
    timeZone: 'utc',
  });
}

function firstQuery({ datasource, params }: ViewProps, app: CoreApp): Query {
  const given = params.get('query');
  const query = given ? JSON.parse(given) : { ...datasource.getDefaultQuery?.(app) };
  return { ...query, refId: 'A', datasource: datasource.getRef() };
}

function Notices({ data }: { data: PanelData }) {
  const notices = data.series.flatMap((frame) => frame.meta?.notices ?? []);
  return (
    <ul aria-label="Notices">
      {notices.map((notice, i) => (
        <li key={i}>
          {notice.severity}: {notice.text}
        </li>
      ))}
    </ul>
  );
}

/** A panel that is edited, or Explore with the parameter app=explore. */
export function QueryView(props: ViewProps) {
  const { plugin, datasource, params } = props;
  const app = params.get('app') === 'explore' ? CoreApp.Explore : CoreApp.PanelEditor;
  const [range, setRange] = useState(() => rangeOf(params));
  const [query, setQuery] = useState<Query>(() => firstQuery(props, app));
  const latest = useRef(query);
  const { data, run } = useQueries(datasource, range, app);
  const Editor =
    app === CoreApp.Explore
      ? (plugin.components.ExploreQueryField ?? plugin.components.QueryEditor)
      : plugin.components.QueryEditor;
  const change = (q: DataQuery) => {
    latest.current = q as Query;
    setQuery(q as Query);
  };
  const runLatest = () => run([latest.current]);
  // A link to Explore asks for its answer.
  const linked = location.pathname === '/explore';
  useEffect(() => {
    if (linked) {
      run([latest.current]);
    }
  }, [linked, run]);
  const filter = (key: string, value: string) => {
    if (datasource.toggleQueryFilter) {
      change(datasource.toggleQueryFilter(latest.current, { type: 'FILTER_FOR', options: { key, value } }));
    } else if (datasource.modifyQuery) {
      change(datasource.modifyQuery(latest.current, { type: 'ADD_FILTER', options: { key, value } }));
    }
    runLatest();
  };
  if (!Editor) {
    return null;
  }
  return (
    <>
      <TimeRangeInput value={range} timeZone="utc" onChange={setRange} />
      <Button onClick={runLatest} icon="sync">
        Refresh
      </Button>
      <Panel data={data} range={range} kind={params.get('panel')} onFilter={filter} />
      <Editor
        datasource={datasource}
        query={query}
        queries={[query]}
        onChange={change}
        onRunQuery={runLatest}
        onAddQuery={() => {}}
        data={data}
        range={range}
        app={app}
        history={[]}
      />
      <details>
        <summary>Query as saved</summary>
        <pre data-testid="query">{JSON.stringify(query, undefined, 2)}</pre>
      </details>
    </>
  );
}

interface PanelViewProps {
  data: PanelData;
  range: TimeRange;
  kind: string | null;
  onFilter: (key: string, value: string) => void;
}

/** What Explore and new panels choose for a result, or what is asked for. */
function chosen(data: PanelData): string {
  const visualisation = data.series[0]?.meta?.preferredVisualisationType;
  if (visualisation === 'logs') {
    return 'logs';
  }
  return data.series[0]?.meta?.type?.startsWith('timeseries') || visualisation === 'graph' ? 'timeseries' : 'table';
}

function Panel({ data, range, kind, onFilter }: PanelViewProps) {
  const type = kind ?? chosen(data);
  const Visual = panelPlugin(type).panel!;
  const context = useMemo(
    () => ({
      eventsScope: 'harness',
      eventBus: appEvents,
      onAddAdHocFilter: (item: { key: string; value: string }) => onFilter(item.key, item.value),
    }),
    [onFilter]
  );
  return (
    <>
      {data.errors?.map((error, i) => (
        <Alert
          key={i}
          severity="error"
          title={error.data?.message ?? error.message ?? 'Query error'}
          data-testid="panel-error"
        />
      ))}
      <PanelContextProvider value={context}>
        <PanelChrome title={`Panel: ${type}`} width={1150} height={320} loadingState={data.state}>
          {(width, height) =>
            type === 'logs' && data.series.length > 0 ? (
              <div style={{ overflow: 'auto', height }}>
                <LogRows frames={data.series} onFilter={onFilter} />
              </div>
            ) : (
              <Visual {...({ data, width, height, timeRange: range, timeZone: 'utc', options: {}, id: 1 } as any)} />
            )
          }
        </PanelChrome>
      </PanelContextProvider>
      <p>
        State: <output data-testid="state">{data.state}</output>, rows:{' '}
        <output data-testid="rows">{data.series.reduce((n, f) => n + f.length, 0)}</output>
      </p>
      <Notices data={data} />
      <details>
        <summary>Executed SQL</summary>
        <pre data-testid="executed">{data.series.map((f) => f.meta?.executedQueryString).join('\n')}</pre>
      </details>
    </>
  );
}

/** The editor of a dashboard's variable, with the preview of its values. */
export function VariableView({ datasource, params }: ViewProps) {
  const [query, setQuery] = useState<Query>({ refId: 'variable', datasource: datasource.getRef() });
  const [values, setValues] = useState<MetricFindValue[]>();
  const [error, setError] = useState<string>();
  const range = useMemo(() => rangeOf(params), [params]);
  const support = variableEditor(datasource);
  const list = async (q: Query) => {
    try {
      const answer = await firstValueFrom(
        support.query(requestFor([{ ...q, refId: 'variable' }], range, CoreApp.Dashboard)).pipe(last())
      );
      setValues(answer.data as MetricFindValue[]);
      setError(undefined);
    } catch (err: any) {
      setError(err.data?.message ?? err.message ?? String(err));
    }
  };
  const change = (q: Query) => {
    setQuery(q);
    list(q);
  };
  // Grafana lists the values of a new variable too.
  const listed = useRef(false);
  useEffect(() => {
    if (!listed.current) {
      listed.current = true;
      list(query);
    }
  });
  return (
    <>
      <support.editor
        datasource={datasource}
        query={query}
        onChange={change}
        onRunQuery={() => list(query)}
        range={range}
        data={nothing(range)}
      />
      {error && <Alert severity="error" title={error} />}
      <ul aria-label="Preview of values">
        {values?.map((v, i) => (
          <li key={i} data-value={v.value}>
            {v.text}
          </li>
        ))}
      </ul>
    </>
  );
}

/** The editor of a dashboard's annotation; Test runs it. */
export function AnnotationView(props: ViewProps) {
  const { plugin, datasource, params } = props;
  const support = datasource.annotations;
  const range = useMemo(() => rangeOf(params), [params]);
  const [annotation, setAnnotation] = useState<AnnotationQuery<any>>(() => ({
    name: 'annotation',
    enable: true,
    iconColor: 'red',
    datasource: datasource.getRef(),
    target: { ...support?.getDefaultQuery?.(), refId: 'Anno' },
  }));
  const { data, run } = useQueries(datasource, range, CoreApp.Dashboard);
  const Editor = support?.QueryEditor ?? plugin.components.QueryEditor;
  if (!support || !Editor) {
    return null;
  }
  const prepared = support.prepareAnnotation?.(annotation) ?? annotation;
  const query = (support.prepareQuery ? support.prepareQuery(prepared) : prepared.target) ?? prepared.target;
  const test = () => run([{ ...query, refId: 'Anno' }]);
  return (
    <>
      <Editor
        key={annotation.name}
        datasource={datasource}
        query={query}
        onChange={(target: DataQuery) => setAnnotation({ ...annotation, target: target as never })}
        onRunQuery={test}
        annotation={annotation}
        onAnnotationChange={setAnnotation}
        data={data}
        range={range}
        app={CoreApp.Dashboard}
      />
      <Button onClick={test}>Test annotation query</Button>
      <Panel data={data} range={range} kind="table" onFilter={() => {}} />
    </>
  );
}
