// A dashboard, from the JSON that is saved of one, with Grafana's own library for
// dashboards: variables, ad hoc filters, annotations, queries and time.
import { AnnotationQuery, FieldConfigSource, VariableHide, VariableRefresh, VariableSort } from '@grafana/data';
import {
  AdHocFiltersVariable,
  ConstantVariable,
  CustomVariable,
  dataLayers,
  DataSourceVariable,
  EmbeddedScene,
  IntervalVariable,
  QueryVariable,
  SceneControlsSpacer,
  SceneDataLayerControls,
  SceneDataLayerSet,
  SceneDataQuery,
  SceneDataTransformer,
  SceneGridItem,
  SceneGridLayout,
  SceneQueryRunner,
  SceneRefreshPicker,
  SceneTimePicker,
  SceneTimeRange,
  SceneVariable,
  SceneVariableSet,
  TextBoxVariable,
  VariableValueSelectors,
  VizPanel,
} from '@grafana/scenes';
import { DataSourceRef, DataTransformerConfig } from '@grafana/schema';

interface PanelJSON {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: DataSourceRef;
  targets?: SceneDataQuery[];
  transformations?: DataTransformerConfig[];
  options?: object;
  fieldConfig?: FieldConfigSource;
  maxDataPoints?: number;
  interval?: string;
  panels?: PanelJSON[];
}

interface VariableJSON {
  type: string;
  name: string;
  label?: string;
  datasource?: DataSourceRef;
  query?: unknown;
  regex?: string;
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string;
  hide?: VariableHide;
  refresh?: VariableRefresh;
  sort?: VariableSort;
  current?: { value: string | string[]; text: string | string[] };
}

/** What is read of a dashboard in the classic form. */
export interface DashboardJSON {
  title: string;
  time: { from: string; to: string };
  panels: PanelJSON[];
  templating?: { list: VariableJSON[] };
  annotations?: { list: AnnotationQuery[] };
}

function variable(v: VariableJSON): SceneVariable {
  const { name, label, hide, includeAll, allValue, regex } = v;
  const common = { name, label, hide };
  const current = v.current ? { value: v.current.value, text: v.current.text } : {};
  const list = { ...common, ...current, isMulti: v.multi, includeAll, allValue };
  switch (v.type) {
    case 'datasource':
      return new DataSourceVariable({ ...list, pluginId: String(v.query), regex });
    case 'query':
      return new QueryVariable({
        ...list,
        datasource: v.datasource,
        query: v.query as string,
        regex,
        refresh: v.refresh ?? VariableRefresh.onTimeRangeChanged,
        sort: v.sort,
      });
    case 'custom':
      return new CustomVariable({ ...list, query: String(v.query) });
    case 'interval':
      return new IntervalVariable({
        ...common,
        value: String(v.current?.value),
        intervals: String(v.query).split(','),
      });
    case 'textbox':
      return new TextBoxVariable({ ...common, value: String(v.query ?? '') });
    case 'constant':
      return new ConstantVariable({ ...common, value: String(v.query) });
    case 'adhoc':
      return new AdHocFiltersVariable({ ...common, datasource: v.datasource, applyMode: 'auto', layout: 'combobox' });
    default:
      throw new Error(`variable ${name}: nothing here shows the type ${v.type}`);
  }
}

/** Filters from clicks go to the dashboard's ad hoc filters, as Grafana's do. */
function withFilters(adhoc: AdHocFiltersVariable | undefined): Partial<ConstructorParameters<typeof VizPanel>[0]> {
  if (!adhoc) {
    return {};
  }
  return {
    extendPanelContext: (_, context) => {
      context.onAddAdHocFilter = (item) => adhoc.updateFilters([...adhoc.state.filters, item]);
    },
  };
}

function panel(p: PanelJSON, adhoc: AdHocFiltersVariable | undefined): SceneGridItem {
  const queries = new SceneQueryRunner({
    datasource: p.datasource,
    queries: p.targets ?? [],
    maxDataPoints: p.maxDataPoints,
    minInterval: p.interval,
  });
  const { x, y, w, h } = p.gridPos;
  return new SceneGridItem({
    x,
    y,
    width: w,
    height: h,
    body: new VizPanel({
      key: `panel-${p.id}`,
      pluginId: p.type,
      title: p.title,
      description: p.description,
      options: p.options ?? {},
      fieldConfig: p.fieldConfig ?? { defaults: {}, overrides: [] },
      $data: p.transformations?.length
        ? new SceneDataTransformer({ $data: queries, transformations: p.transformations })
        : queries,
      ...withFilters(adhoc),
    }),
  });
}

/** Rows are taken as opened. */
const flat = (panels: PanelJSON[]): PanelJSON[] =>
  panels.flatMap((p) => (p.type === 'row' ? flat(p.panels ?? []) : [p]));

export function dashboard(json: DashboardJSON): EmbeddedScene {
  const variables = (json.templating?.list ?? []).map(variable);
  const adhoc = variables.find((v) => v instanceof AdHocFiltersVariable);
  return new EmbeddedScene({
    $timeRange: new SceneTimeRange({ ...json.time, timeZone: 'utc' }),
    $variables: new SceneVariableSet({ variables }),
    $data: new SceneDataLayerSet({
      layers: (json.annotations?.list ?? []).map(
        (query) => new dataLayers.AnnotationsDataLayer({ name: query.name, query, isEnabled: query.enable })
      ),
    }),
    controls: [
      new VariableValueSelectors({}),
      new SceneDataLayerControls(),
      new SceneControlsSpacer(),
      new SceneTimePicker({}),
      new SceneRefreshPicker({}),
    ],
    body: new SceneGridLayout({ children: flat(json.panels).map((p) => panel(p, adhoc)) }),
  });
}
