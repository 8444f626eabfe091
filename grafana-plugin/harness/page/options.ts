// The options of fields that Grafana's own page has, which are in no package:
// without them nothing of a dashboard's units, names, links and colours is applied.
import {
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  FieldConfigEditorBuilder,
  FieldConfigPropertyItem,
  identityOverrideProcessor,
  standardFieldConfigEditorRegistry,
  ThresholdsConfig,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
} from '@grafana/data';

type Process = FieldConfigPropertyItem['process'];

/** Saved dashboards have null where the first step begins. */
const thresholds = (value?: ThresholdsConfig) =>
  value && { ...value, steps: value.steps.map((s) => ({ ...s, value: s.value ?? -Infinity })) };

const processes: Record<string, Process> = {
  unit: unitOverrideProcessor as Process,
  displayName: displayNameOverrideProcessor as Process,
  links: dataLinksOverrideProcessor as Process,
  mappings: valueMappingsOverrideProcessor as Process,
  thresholds,
  decimals: identityOverrideProcessor,
  min: identityOverrideProcessor,
  max: identityOverrideProcessor,
  noValue: identityOverrideProcessor,
  color: identityOverrideProcessor,
};

const none = () => null;

/** Call it before panels are made. */
export function registerOptions() {
  standardFieldConfigEditorRegistry.setInit(() =>
    Object.entries(processes).map(([id, process]) => ({
      id,
      path: id,
      name: id,
      description: '',
      editor: none,
      override: none,
      process,
      shouldApply: () => true,
    }))
  );
}

// Those of time series and of tables, as far as the dashboards set them.
const custom = [
  'width',
  'align',
  'inspect',
  'cellOptions',
  'hideFrom.viz',
  'drawStyle',
  'lineWidth',
  'lineInterpolation',
  'fillOpacity',
  'stacking',
  'barAlignment',
  'spanNulls',
  'axisSoftMin',
];

export function customOptions<T>(builder: FieldConfigEditorBuilder<T>) {
  for (const path of custom) {
    builder.addCustomEditor({
      id: path,
      path: path as never,
      name: path,
      editor: none,
      override: none,
      process: identityOverrideProcessor,
      shouldApply: () => true,
    });
  }
}
