/** Metrics of the last night of each release set. */
import { outcomes, type ImageReport, type NightReport } from '../../stages/report/night-report.ts';
import type { Metric, Sample } from '../../stages/report/openmetrics.ts';
import { lastNights, setsWithNights } from '../state/nights.ts';

/** Throws STATE_INVALID. */
export async function nightMetrics(state: string): Promise<Metric[]> {
  const nights: NightReport[] = [];
  for (const set of await setsWithNights(state)) nights.push(...(await lastNights(state, set, 1)));
  const each = (valueOf: (night: NightReport) => number): Sample[] =>
    nights.map((night) => ({ labels: { set: night.set }, value: valueOf(night) }));
  return [
    {
      name: 'milliner_night_started_timestamp_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'When the last night of a set began, in seconds since 1970.',
      samples: each(({ started }) => Date.parse(started) / 1000),
    },
    {
      name: 'milliner_night_duration_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'How long the last night of a set took.',
      samples: each(({ started, finished }) => (Date.parse(finished) - Date.parse(started)) / 1000),
    },
    {
      name: 'milliner_night_images',
      type: 'gauge',
      help: 'Images of the last night of a set, by outcome.',
      samples: nights.flatMap(outcomeSamples),
    },
    {
      name: 'milliner_night_flaky_images',
      type: 'gauge',
      help: 'Images of the last night that passed only after a retry.',
      samples: each(({ images }) => images.filter(isFlaky).length),
    },
    {
      name: 'milliner_night_update_size_bytes',
      type: 'gauge',
      unit: 'bytes',
      help: 'What a reader of all former images downloads for the last night.',
      samples: each(({ images }) => images.reduce((sum, { updateBytes = 0 }) => sum + updateBytes, 0)),
    },
  ];
}

function outcomeSamples({ set, images }: NightReport): Sample[] {
  return outcomes.map((outcome) => ({
    labels: { set, outcome },
    value: images.filter((image) => image.outcome === outcome).length,
  }));
}

const isFlaky = ({ outcome, boot }: ImageReport) => outcome !== 'failed' && (boot?.retries ?? 0) > 0;
