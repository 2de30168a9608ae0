/// <reference lib="dom" />
/** Charts of nights and of single images, by echarts. */
import { loadData } from './load-data.ts';
import { element, requireElement } from './make-element.ts';
import type { ImageData, ListedImage, TrendsData } from './site-data.ts';

interface Chart {
  setOption(options: object, replace: boolean): void;
  resize(): void;
  dispose(): void;
}
declare const echarts: { init(place: HTMLElement): Chart };

const select = requireElement('trend-image', HTMLSelectElement);
const places = {
  size: requireElement('chart-size', HTMLElement),
  ready: requireElement('chart-ready', HTMLElement),
  update: requireElement('chart-update', HTMLElement),
  nights: requireElement('chart-nights', HTMLElement),
};
const charts = new Map<HTMLElement, Chart>();
const dark = matchMedia('(prefers-color-scheme: dark)');

interface Line {
  name: string;
  color: string;
  isBar?: boolean;
  stack?: string;
  data: [number, number | null][];
}

const styleOf = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function draw(place: HTMLElement, unit: (value: number) => string, lines: readonly Line[]): void {
  charts.get(place)?.dispose();
  const chart = echarts.init(place);
  charts.set(place, chart);
  const [text, rule] = [styleOf('--muted'), styleOf('--rule')];
  chart.setOption(
    {
      animation: false,
      textStyle: { fontFamily: 'system-ui, sans-serif' },
      grid: { left: 8, right: 32, top: 30, bottom: 8, containLabel: true },
      legend: {
        show: lines.length > 1,
        top: 0,
        right: 8,
        textStyle: { color: text },
        itemWidth: 12,
        itemHeight: 8,
      },
      // Text on the canvas: a box of HTML would need inline styles, which the policy of the page forbids.
      tooltip: {
        trigger: 'axis',
        renderMode: 'richText',
        valueFormatter: (value: number | null) => (value === null ? '–' : unit(value)),
      },
      xAxis: {
        type: 'time',
        axisLabel: {
          color: text,
          hideOverlap: true,
          formatter: { year: '{yyyy}', month: '{MMM}', day: '{d} {MMM}' },
        },
        axisLine: { lineStyle: { color: rule } },
      },
      yAxis: {
        type: 'value',
        axisLabel: { color: text, formatter: unit },
        splitLine: { lineStyle: { color: rule } },
        splitNumber: 3,
      },
      series: lines.map(({ name, color, isBar, stack, data }) => ({
        name,
        data,
        type: isBar ? 'bar' : 'line',
        ...(stack !== undefined && { stack }),
        barMaxWidth: 14,
        itemStyle: { color: styleOf(color) },
        lineStyle: { width: 2, color: styleOf(color) },
        symbolSize: 5,
        showSymbol: data.length < 40,
      })),
    },
    true,
  );
}

const bytes = (value: number) =>
  value < 1e6
    ? `${(value / 1e3).toFixed(0)} kB`
    : value < 1e9
      ? `${(value / 1e6).toFixed(1)} MB`
      : `${(value / 1e9).toFixed(2)} GB`;
const seconds = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} s`;
const plain = (value: number) => String(value);

async function showNights(): Promise<void> {
  const { nights } = (await loadData('trends')) as TrendsData;
  draw(places.nights, plain, [
    {
      name: 'published',
      color: '--c1',
      isBar: true,
      stack: 'images',
      data: nights.map(([time, , published]) => [time, published]),
    },
    {
      name: 'failed',
      color: '--bad',
      isBar: true,
      stack: 'images',
      data: nights.map(([time, , , failed]) => [time, failed]),
    },
  ]);
}

async function showAll(): Promise<void> {
  const { nights } = (await loadData('trends')) as TrendsData;
  draw(places.size, bytes, [
    { name: 'all images', color: '--c1', data: nights.map(([time, , , , , size]) => [time, size]) },
  ]);
  draw(places.update, bytes, [
    {
      name: 'update',
      color: '--c2',
      isBar: true,
      data: nights.map(([time, , , , update]) => [time, update]),
    },
  ]);
  draw(places.ready, seconds, [
    { name: 'median', color: '--c3', data: nights.map(([time, , , , , , ready]) => [time, ready]) },
  ]);
}

async function showImage(id: string): Promise<void> {
  const { trend } = (await loadData(`image/${id}`)) as ImageData;
  draw(places.size, bytes, [
    { name: 'size', color: '--c1', data: trend.map(([time, size]) => [time, size]) },
  ]);
  draw(places.ready, seconds, [
    { name: 'ready after', color: '--c3', data: trend.map(([time, , ready]) => [time, ready]) },
  ]);
  draw(places.update, bytes, [
    { name: 'update', color: '--c2', isBar: true, data: trend.map(([time, , , update]) => [time, update]) },
  ]);
}

async function show(): Promise<void> {
  document.body.dataset['drawn'] = '';
  await showNights();
  await (select.value === '' ? showAll() : showImage(select.value));
  document.body.dataset['drawn'] = select.value || 'all';
}

async function start(): Promise<void> {
  const images = (await loadData('images')) as ListedImage[];
  select.append(...images.map(({ id, name, arch }) => element('option', { value: id }, `${name} (${arch})`)));
  const wanted = new URLSearchParams(location.search).get('image');
  if (wanted !== null && images.some(({ id }) => id === wanted)) select.value = wanted;
  select.disabled = false;
  select.addEventListener('change', () => void show());
  dark.addEventListener('change', () => void show());
  addEventListener('resize', () => charts.forEach((chart) => chart.resize()));
  await show();
}

void start();
