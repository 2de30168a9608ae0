import { expect, test } from 'vitest';
import { openMetricsText, type Metric } from './openmetrics.ts';

const gauge = (fields: Partial<Metric>): Metric => ({
  name: 'milliner_images',
  type: 'gauge',
  help: 'Images.',
  samples: [{ value: 3 }],
  ...fields,
});

test.each<[string, Metric, string]>([
  ['a gauge', gauge({}), '# TYPE milliner_images gauge\n# HELP milliner_images Images.\nmilliner_images 3\n'],
  [
    'one with a unit',
    gauge({ name: 'milliner_size_bytes', unit: 'bytes' }),
    '# TYPE milliner_size_bytes gauge\n# UNIT milliner_size_bytes bytes\n# HELP milliner_size_bytes Images.\nmilliner_size_bytes 3\n',
  ],
  [
    'information',
    gauge({ name: 'milliner', type: 'info', samples: [{ labels: { version: '1' }, value: 1 }] }),
    '# TYPE milliner info\n# HELP milliner Images.\nmilliner_info{version="1"} 1\n',
  ],
  [
    'labels',
    gauge({ samples: [{ labels: { a: 'x"y\\z\nw', b: '' }, value: 0.25 }] }),
    '# TYPE milliner_images gauge\n# HELP milliner_images Images.\nmilliner_images{a="x\\"y\\\\z\\nw",b=""} 0.25\n',
  ],
  ['no samples', gauge({ samples: [] }), ''],
])('%s', (_, metric, text) => {
  expect(openMetricsText([gauge({ name: 'milliner_first' }), metric])).toBe(
    `# TYPE milliner_first gauge\n# HELP milliner_first Images.\nmilliner_first 3\n${text}# EOF\n`,
  );
});

test.each([
  [NaN, 'NaN'],
  [Infinity, '+Inf'],
  [-Infinity, '-Inf'],
  [1e21, '1e+21'],
])('%d is written as %s', (value, shown) => {
  expect(openMetricsText([gauge({ samples: [{ value }] })])).toContain(`milliner_images ${shown}\n`);
});
