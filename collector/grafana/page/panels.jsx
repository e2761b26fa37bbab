// The kinds of panel that the dashboards have, each drawn by Grafana's own component from Grafana's own JSON.

import {
  EventBusSrv,
  FieldConfigOptionsRegistry,
  applyFieldOverrides,
  getFieldDisplayValues,
  identityOverrideProcessor,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { BigValue, BigValueColorMode, BigValueGraphMode, BigValueTextMode, PanelContextProvider, Table, TimeSeries } from '@grafana/ui';
import React from 'react';
import { firstValueFrom } from 'rxjs';

const TRANSFORMATIONS = ['mergeTransformer', 'organizeFieldsTransformer', 'groupingToMatrixTransformer'];
const STANDARD = ['unit', 'decimals', 'min', 'max', 'displayName', 'color', 'thresholds', 'mappings', 'links', 'noValue', 'fieldMinMax'];
const OF_PANELS = ['width', 'minWidth', 'align', 'cellOptions', 'hidden', 'filterable', 'drawStyle', 'fillOpacity', 'lineWidth', 'stacking', 'spanNulls', 'showPoints'];
const GRAPH = {
  drawStyle: 'line',
  lineInterpolation: 'linear',
  lineWidth: 1,
  fillOpacity: 0,
  gradientMode: 'none',
  pointSize: 5,
  showPoints: 'auto',
  spanNulls: false,
  axisPlacement: 'auto',
  axisColorMode: 'text',
  barAlignment: 0,
  scaleDistribution: { type: 'linear' },
  stacking: { mode: 'none', group: 'A' },
  thresholdsStyle: { mode: 'off' },
  hideFrom: { legend: false, tooltip: false, viz: false },
};

standardTransformersRegistry.setInit(() =>
  TRANSFORMATIONS.map((name) => standardTransformers[name]).map((transformation) => ({
    id: transformation.id,
    name: transformation.name,
    transformation,
  }))
);

function registry() {
  const process = identityOverrideProcessor;
  const item = { shouldApply: () => true, process };
  const made = new FieldConfigOptionsRegistry();
  STANDARD.forEach((id) => made.register({ ...item, id, path: id, name: id }));
  OF_PANELS.forEach((id) => made.register({ ...item, id: `custom.${id}`, path: id, name: id, isCustom: true }));
  return made;
}

async function shown(panel, frames, theme) {
  const data = await firstValueFrom(
    transformDataFrame(panel.transformations ?? [], frames, { interpolate: (text) => text })
  );
  const { defaults, overrides } = panel.fieldConfig;
  const custom = panel.type === 'timeseries' ? { ...GRAPH, ...defaults.custom } : defaults.custom;
  const color = defaults.color ?? { mode: panel.type === 'timeseries' ? 'palette-classic' : 'thresholds' };
  const thresholds = defaults.thresholds ?? { mode: 'absolute', steps: [{ value: -Infinity, color: panel.type === 'timeseries' ? 'green' : 'text' }] };
  return applyFieldOverrides({
    data,
    fieldConfig: { defaults: { ...defaults, custom, color, thresholds: opened(thresholds) }, overrides: overrides.map(mended) },
    replaceVariables: (text) => text,
    theme,
    fieldConfigRegistry: registry(),
    timeZone: 'utc',
  });
}

// JSON has no minus infinity: the first step of thresholds has `null` in its place.
function opened(thresholds) {
  return { ...thresholds, steps: thresholds.steps.map((step) => ({ ...step, value: step.value ?? -Infinity })) };
}

function mended(override) {
  const properties = override.properties.map(({ id, value }) => ({ id, value: id === 'thresholds' ? opened(value) : value }));
  return { ...override, properties };
}

/** What a panel shows in its frame: the drawing, or that there is nothing. */
export function Body({ panel, frames, theme, ...rest }) {
  const [ready, setReady] = React.useState(null);
  React.useEffect(() => {
    shown(panel, frames, theme).then(setReady);
  }, [frames]);
  if (ready === null) {
    return null;
  }
  if (panel.type !== 'stat' && !ready.some((frame) => frame.length)) {
    return <p className="empty">{panel.fieldConfig.defaults.noValue ?? 'No data'}</p>;
  }
  const Drawn = { stat: Stat, table: Rows, timeseries: Graph }[panel.type];
  return <Drawn {...{ panel, theme, ready, ...rest }} />;
}

function Stat({ panel, theme, ready, width, height }) {
  const { defaults, overrides } = panel.fieldConfig;
  const values = getFieldDisplayValues({
    fieldConfig: { defaults, overrides },
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: (text) => text,
    theme,
    data: ready,
    timeZone: 'utc',
  });
  const [value] = values;
  const text = { text: defaults.noValue ?? 'No data', numeric: NaN };
  return (
    <BigValue
      {...{ width, height, theme }}
      value={values.length ? value.display : text}
      colorMode={panel.options.colorMode ?? BigValueColorMode.Value}
      graphMode={BigValueGraphMode.None}
      textMode={BigValueTextMode.Value}
    />
  );
}

function Rows({ panel, ready, width, height }) {
  return (
    <Table
      {...{ width, height }}
      data={ready[0]}
      ariaLabel={panel.title}
      initialSortBy={panel.options.sortBy}
      showTypeIcons={false}
      columnMinWidth={50}
      cellHeight={panel.options.cellHeight}
      enableSharedCrosshair={false}
    />
  );
}

const CONTEXT = { eventBus: new EventBusSrv() };

function Graph({ panel, ready, range, width, height }) {
  const legend = { calcs: [], ...panel.options.legend };
  return (
    <PanelContextProvider value={CONTEXT}>
      <TimeSeries {...{ width, height, legend }} frames={ready} structureRev={1} timeRange={range} timeZone="utc" options={panel.options} />
    </PanelContextProvider>
  );
}
