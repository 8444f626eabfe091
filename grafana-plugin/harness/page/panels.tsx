// Stand-ins for Grafana's panels, which are not published: made of the same
// components, without the options. What they show of a frame (values, units,
// names, links, filters) is what panels show.
import {
  cacheFieldDisplayNames,
  DataFrame,
  FieldColorModeId,
  FieldConfigProperty,
  FieldType,
  formattedValueToString,
  getDisplayProcessor,
  getFieldDisplayName,
  PanelPlugin,
  PanelPluginMeta,
  PanelProps,
  sortDataFrame,
} from '@grafana/data';
import { LegendDisplayMode, VisibilityMode, VizLegendOptions } from '@grafana/schema';
import { BigValue, BigValueColorMode, BigValueGraphMode, TimeSeries, usePanelContext, useTheme2 } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { LogRows } from './logs';
import { customOptions } from './options';

const legend: VizLegendOptions = {
  displayMode: LegendDisplayMode.List,
  placement: 'bottom',
  showLegend: true,
  calcs: [],
};

function Empty({ props }: { props: PanelProps }) {
  return (
    <p role="status">
      {props.data.state === 'Loading' ? 'Loading' : (props.fieldConfig?.defaults.noValue ?? 'No data')}
    </p>
  );
}

const has = (type: FieldType) => (frame: DataFrame) => frame.fields.some((f) => f.type === type);

/** The colours that new panels have. */
function coloured(frame: DataFrame): DataFrame {
  const color = { mode: FieldColorModeId.PaletteClassic };
  const custom = { showPoints: VisibilityMode.Always, pointSize: 4 };
  const fields = frame.fields.map((field, i) => ({
    ...field,
    config: { color, ...field.config, custom: { ...custom, ...field.config.custom } },
    state: { seriesIndex: i, ...field.state },
  }));
  return { ...frame, fields };
}

function TimeSeriesPanel(props: PanelProps) {
  const frames = props.data.series
    .filter(has(FieldType.time))
    .filter(has(FieldType.number))
    .map(coloured)
    .map((frame) =>
      sortDataFrame(
        frame,
        frame.fields.findIndex((f) => f.type === FieldType.time)
      )
    );
  if (frames.length === 0) {
    return props.data.series.length > 0 ? <p role="alert">Data is missing a time field</p> : <Empty props={props} />;
  }
  return (
    <TimeSeries
      frames={frames}
      width={props.width}
      height={props.height}
      timeRange={props.timeRange}
      timeZone="utc"
      legend={legend}
    />
  );
}

function TablePanel(props: PanelProps) {
  const { onAddAdHocFilter } = usePanelContext();
  if (props.data.series.length === 0) {
    return <Empty props={props} />;
  }
  // Its headers show what is cached.
  cacheFieldDisplayNames(props.data.series);
  return (
    <>
      {props.data.series.map((frame, i) => (
        <TableNG
          key={i}
          data={frame}
          width={props.width}
          height={props.height / props.data.series.length}
          onCellFilterAdded={onAddAdHocFilter}
          timeRange={props.timeRange}
        />
      ))}
    </>
  );
}

function StatPanel(props: PanelProps) {
  const theme = useTheme2();
  const fields = props.data.series.flatMap((frame) =>
    frame.fields.filter((f) => f.type === FieldType.number).map((field) => ({ frame, field }))
  );
  if (fields.length === 0) {
    return <Empty props={props} />;
  }
  return (
    <div style={{ display: 'flex' }}>
      {fields.map(({ frame, field }, i) => {
        const display = field.display ?? getDisplayProcessor({ field, theme });
        const title = getFieldDisplayName(field, frame, props.data.series);
        const value = { ...display(field.values.at(-1)), title };
        return (
          <div key={i} aria-label={`${title} ${formattedValueToString(value)}`}>
            <BigValue
              theme={theme}
              value={value}
              width={props.width / fields.length}
              height={props.height}
              colorMode={BigValueColorMode.Value}
              graphMode={BigValueGraphMode.None}
            />
          </div>
        );
      })}
    </div>
  );
}

function LogsPanel(props: PanelProps) {
  return props.data.series.length === 0 ? <Empty props={props} /> : <LogRows frames={props.data.series} />;
}

const kinds: Record<string, React.ComponentType<PanelProps>> = {
  timeseries: TimeSeriesPanel,
  table: TablePanel,
  stat: StatPanel,
  logs: LogsPanel,
};

const loaded = new Map<string, PanelPlugin>();

/** The panel plugin with an id; one that has no stand-in shows a table. */
export function panelPlugin(id: string): PanelPlugin {
  let plugin = loaded.get(id);
  if (!plugin) {
    plugin = new PanelPlugin(kinds[id] ?? TablePanel);
    plugin.meta = {
      id,
      name: id,
      info: {},
      module: '',
      baseUrl: '',
      sort: 0,
      type: 'panel',
    } as unknown as PanelPluginMeta;
    // Without this, units and names of the dashboard would not be applied.
    plugin.useFieldConfig({ disableStandardOptions: [FieldConfigProperty.Actions], useCustomConfig: customOptions });
    loaded.set(id, plugin);
  }
  return plugin;
}
