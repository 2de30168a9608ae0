/// <reference lib="dom" />
/** Two images side by side, of all that this site has. */
import { compareImages, type ImageComparison } from './compare-images.ts';
import { loadData } from './load-data.ts';
import { element, requireElement, rowOf, tableOf } from './make-element.ts';
import type { ImageData, ListedImage } from './site-data.ts';

const selects = [
  requireElement('compare-first', HTMLSelectElement),
  requireElement('compare-second', HTMLSelectElement),
] as const;
const answer = requireElement('compare-answer', HTMLElement);
const status = requireElement('compare-status', HTMLElement);
let asked = 0;

async function start(): Promise<void> {
  const images = (await loadData('images')) as ListedImage[];
  const given = new URLSearchParams(location.search);
  for (const [index, select] of selects.entries()) {
    select.append(
      ...images.map(({ id, name, arch }) => element('option', { value: id }, `${name} (${arch})`)),
    );
    const wanted = given.get(index === 0 ? 'first' : 'second');
    select.selectedIndex = Math.max(
      0,
      wanted === null ? Math.min(index, images.length - 1) : images.findIndex(({ id }) => id === wanted),
    );
    select.disabled = false;
    select.addEventListener('change', () => void show());
  }
  if (images.length > 0) await show();
}

async function show(): Promise<void> {
  const question = ++asked;
  const [first, second] = selects.map(({ value }) => value) as [string, string];
  const [a, b] = (await Promise.all([loadData(`image/${first}`), loadData(`image/${second}`)])) as [
    ImageData,
    ImageData,
  ];
  if (question !== asked) return;
  const comparison = compareImages(a, b);
  status.textContent = `${comparison.packages.length} packages differ, ${comparison.same} are the same. Who has the first image downloads ${sizeText(comparison.download)}.`;
  answer.replaceChildren(factsTable(a, b), packageTable(comparison), layerTable(comparison));
  answer.dataset['pair'] = `${first} ${second}`;
}

function sizeText(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function factsTable(a: ImageData, b: ImageData): HTMLElement {
  const rows = [
    rowOf('size', sizeText(a.size), sizeText(b.size)),
    rowOf('packages', String(a.packages.length), String(b.packages.length)),
    rowOf('layers', String(a.layers.length), String(b.layers.length)),
    rowOf('created', a.created, b.created),
    rowOf('ready after', a.boot, b.boot),
  ];
  return tableOf('Facts', ['', 'first', 'second'], rows);
}

function packageTable({ packages }: ImageComparison): HTMLElement {
  const rows = packages.map(({ name, arch, first, second, change }) =>
    rowOf(
      element('bdi', {}, name),
      arch,
      element('bdi', {}, first),
      element('bdi', {}, second),
      element('span', { class: `chip ${change}` }, change),
    ),
  );
  return tableOf('Packages that differ', ['package', 'architecture', 'first', 'second', 'change'], rows);
}

function layerTable({ layers, sharedLayers }: ImageComparison): HTMLElement {
  const rows = layers.map(({ side, size, holds }) =>
    rowOf(side, sizeText(size), element('bdi', {}, holds.slice(0, 300))),
  );
  return tableOf(
    `Layers of one of them; ${sharedLayers} are shared`,
    ['image', 'size', 'what is in it'],
    rows,
  );
}

void start();
