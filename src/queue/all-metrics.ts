/** All metrics of a state directory and its queue. Nothing in them is secret: no path, URL, key or message. */
import { diskMetrics, imageMetrics } from '../pipeline/report/image-metrics.ts';
import { nightMetrics } from '../pipeline/report/night-metrics.ts';
import type { Metric } from '../stages/report/openmetrics.ts';

export { openMetricsText, openMetricsType, type Metric } from '../stages/report/openmetrics.ts';

/** `queue` are the metrics of its queue, which the caller is connected to. Throws STATE_INVALID. */
export async function readMetrics(
  state: string,
  version: string,
  queue: readonly Metric[],
): Promise<Metric[]> {
  const build: Metric = {
    name: 'milliner',
    type: 'info',
    help: 'The version of Milliner.',
    samples: [{ labels: { version }, value: 1 }],
  };
  return [
    build,
    ...(await imageMetrics(state)),
    ...(await nightMetrics(state)),
    ...(await diskMetrics(state)),
    ...queue,
  ];
}
