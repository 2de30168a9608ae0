/** Plots of what was measured, as SVG. */
import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use, type EChartsCoreOption } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { Outcome } from './case.ts';

use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** A line for each; the first value belongs to 1. */
export function drawLines(title: string, lines: readonly { name: string; values: number[] }[]): string {
  const count = Math.max(...lines.map(({ values }) => values.length));
  return draw(title, 480, {
    legend: { bottom: 0 },
    grid: { bottom: 70 },
    xAxis: { type: 'category', data: Array.from({ length: count }, (_, index) => index + 1) },
    yAxis: { type: 'value' },
    series: lines.map(({ name, values }) => ({ type: 'line', name, data: values, showSymbol: false })),
  });
}

/** Ratios of ours to the peers', and what they are to be. */
export function drawRatios(title: string, outcomes: readonly Outcome[]): string {
  const rows = outcomes.toReversed();
  return draw(title, 120 + 60 * rows.length, {
    legend: { bottom: 0 },
    grid: { left: 360, bottom: 70 },
    xAxis: { type: 'value' },
    yAxis: { type: 'category', data: rows.map(labelOf) },
    series: [
      { type: 'bar', name: 'ratio', data: rows.map(({ ratio }) => round(ratio)), label: { show: true } },
      {
        type: 'bar',
        name: 'target',
        data: rows.map(({ target }) => Number(target.replace(/^\D+/, '') || Number.NaN)),
      },
    ],
  });
}

const labelOf = ({ case: name, figure }: Outcome) => (figure === 'value' ? name : `${name}, ${figure}`);

const round = (ratio: number) => Math.round(ratio * 100) / 100;

function draw(title: string, height: number, options: EChartsCoreOption): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 960, height });
  chart.setOption({ title: { text: title }, animation: false, ...options });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
