// Asks Prometheus what a panel shows, as Grafana's data source does: variables filled in, times on multiples of the step.

import { FieldType, rangeUtil, toDataFrame } from '@grafana/data';

const EXPORTED_EVERY_S = 60; // `timeInterval` of the data source
const OPEN = { count: 0 };

/** How many questions are not answered yet. */
export function unanswered() {
  return OPEN.count;
}

async function get(path, parameters) {
  OPEN.count += 1;
  try {
    const reply = await (await fetch(`${path}?${new URLSearchParams(parameters)}`)).json();
    if (reply.status !== 'success') {
      throw new Error(`${parameters.query ?? path}: ${reply.error}`);
    }
    return reply.data;
  } finally {
    OPEN.count -= 1;
  }
}

function filled(text, chosen, range, intervalS) {
  const rateS = Math.max(intervalS + EXPORTED_EVERY_S, 4 * EXPORTED_EVERY_S);
  const rangeS = Math.round((range.to - range.from) / 1000);
  return text
    .replaceAll('$__rate_interval', `${rateS}s`)
    .replaceAll('$__interval', `${intervalS}s`)
    .replaceAll('$__range', `${rangeS}s`)
    .replace(/\$\{(\w+)\}/g, (_, name) => chosen[name] ?? '.*');
}

/** The values that a variable offers. */
export async function offered(variable, chosen, range) {
  const [, of, label] = variable.query.match(/^label_values\((.*), (\w+)\)$/);
  const bounds = { start: range.from / 1000, end: range.to / 1000 };
  const others = { ...chosen, [variable.name]: variable.allValue };
  return get(`api/v1/label/${label}/values`, { 'match[]': filled(of, others, range, 300), ...bounds });
}

/** A frame for each query of a panel; a graph's has one for each series. */
export async function framesOf(panel, chosen, range, width) {
  const lowest = panel.interval ?? `${EXPORTED_EVERY_S}s`;
  const intervalS = Math.round(rangeUtil.calculateInterval(range, panel.maxDataPoints ?? width, lowest).intervalMs / 1000);
  const answers = await Promise.all(
    panel.targets.map(async (target) => {
      const query = filled(target.expr, chosen, range, intervalS);
      if (target.instant) {
        const { result } = await get('api/v1/query', { query, time: range.to / 1000 });
        return result.length ? [asTable(result, target, panel.targets.length)] : [];
      }
      const [start, end] = [range.from, range.to].map((at) => Math.floor(at / 1000 / intervalS) * intervalS);
      const { result } = await get('api/v1/query_range', { query, start, end, step: intervalS });
      return result.map((series) => asSeries(series, target, start, end, intervalS));
    })
  );
  return answers.flat();
}

function asTable(result, target, queries) {
  const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const value = queries > 1 ? `Value #${target.refId}` : 'Value';
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: result.map((row) => row.value[0] * 1000) },
      ...labels.map((label) => ({ name: label, type: FieldType.string, values: result.map((row) => row.metric[label] ?? '') })),
      { name: value, type: FieldType.number, values: result.map((row) => Number(row.value[1])) },
    ],
  });
}

function asSeries({ metric, values }, target, start, end, step) {
  const found = new Map(values.map(([at, value]) => [at, Number(value)]));
  const times = Array.from({ length: (end - start) / step + 1 }, (_, index) => start + index * step);
  const name = target.legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? '');
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: times.map((at) => at * 1000), config: { interval: step * 1000 } },
      {
        name: 'Value',
        type: FieldType.number,
        labels: metric,
        values: times.map((at) => found.get(at) ?? null),
        config: { displayNameFromDS: name.trim() || target.expr },
      },
    ],
  });
}
