/// <reference lib="dom" />
/** The page of packages: answers while people type. */
import type MiniSearchClass from 'minisearch';
import { evrText, findPackages, type Found, type FoundVersion, type SearchNames } from './find-packages.ts';
import { loadData } from './load-data.ts';
import { element, requireElement, rowOf, tableOf } from './make-element.ts';
import { shardCount, type CarrierData, type ListedImage, type PackageData } from './site-data.ts';

/** A script before this one makes it a global. */
declare const MiniSearch: typeof MiniSearchClass;

/** Images in a list before a button asks for all of them. */
const maxImages = 200;

const input = requireElement('package-query', HTMLInputElement);
const answer = requireElement('package-answer', HTMLElement);
const status = requireElement('package-status', HTMLElement);

/** Counts the questions: the answer to an earlier one must not replace that of a later one. */
let asked = 0;

async function start(): Promise<void> {
  const packages = (await loadData('packages')) as PackageData[];
  const images = (await loadData('images')) as ListedImage[];
  const searchNames = indexNames(packages);
  const ask = () => void answerQuestion(packages, images, searchNames);
  input.addEventListener('input', ask);
  input.form?.addEventListener('submit', (event) => {
    event.preventDefault();
    ask();
  });
  input.disabled = false;
  const given = new URLSearchParams(location.search).get('q');
  if (given !== null) input.value = given;
  if (input.value !== '') ask();
}

function indexNames(packages: readonly PackageData[]): SearchNames {
  const tokenize = (text: string) => [text, ...text.split(/[^A-Za-z0-9]+/)].filter((word) => word !== '');
  const index = new MiniSearch<{ id: number; name: string }>({ fields: ['name'], tokenize });
  index.addAll(packages.map(([name], id) => ({ id, name })));
  return (text) =>
    index.search(text, { prefix: true, combineWith: 'AND', tokenize }).map(({ id }) => id as number);
}

async function answerQuestion(
  packages: readonly PackageData[],
  images: readonly ListedImage[],
  searchNames: SearchNames,
): Promise<void> {
  const question = ++asked;
  const found = findPackages(packages, input.value, searchNames);
  const shown = found.isCondition
    ? await carrierTable(packages, images, found)
    : versionTable(packages, images, found);
  if (question !== asked) return;
  status.textContent = shown.text;
  answer.replaceChildren(...shown.nodes);
  answer.dataset['question'] = input.value;
}

interface Shown {
  text: string;
  nodes: Node[];
}

async function carriersOf({ package: position, version }: FoundVersion): Promise<number[]> {
  const shard = (await loadData(`carriers/${position % shardCount}`)) as CarrierData;
  return shard[Math.floor(position / shardCount)]![version]!;
}

/** A row for each image that carries what the condition is about. */
async function carrierTable(
  packages: readonly PackageData[],
  images: readonly ListedImage[],
  { versions, fault }: Found,
): Promise<Shown> {
  if (fault !== undefined) return { text: `Not a condition yet: ${fault}.`, nodes: [] };
  const rows: [at: number, nevra: string][] = [];
  for (const one of versions) {
    const [name, all] = packages[one.package]!;
    const version = all[one.version]!;
    for (const at of await carriersOf(one)) rows.push([at, `${name}-${evrText(version)}.${version[3]}`]);
  }
  const sorted = rows.toSorted(([a], [b]) => a - b);
  const count = new Set(rows.map(([at]) => at)).size;
  const text = `${count} of ${images.length} images`;
  if (count === 0) return { text, nodes: [] };
  return { text, nodes: limited((max) => imageTable(images, sorted.slice(0, max)), sorted.length) };
}

function imageTable(images: readonly ListedImage[], rows: readonly [number, string][]): HTMLElement {
  const made = rows.map(([at, nevra]) =>
    rowOf(linkTo(images[at]!), images[at]!.arch, element('bdi', {}, nevra)),
  );
  return tableOf('Images that carry it', ['image', 'architecture', 'package'], made);
}

/** The first rows, and a button for the rest. */
function limited(make: (max: number) => HTMLElement, count: number): Node[] {
  if (count <= maxImages) return [make(count)];
  const place = element('div', {}, make(maxImages));
  const button = element('button', { type: 'button' }, `Show all ${count}`);
  button.addEventListener('click', () => {
    place.replaceChildren(make(count));
    button.remove();
  });
  return [place, button];
}

function linkTo({ id, name }: ListedImage): HTMLElement {
  return element('a', { href: `images/${id}.html` }, name);
}

function versionTable(
  packages: readonly PackageData[],
  images: readonly ListedImage[],
  { versions, more }: Found,
): Shown {
  const names = new Set(versions.map((one) => one.package)).size;
  if (names === 0) return { text: input.value.trim() === '' ? '' : 'No package of that name.', nodes: [] };
  const rows = versions.map((one) => {
    const [name, all] = packages[one.package]!;
    const version = all[one.version]!;
    const details = element('details', {}, element('summary', {}, `${version[4]} of ${images.length}`));
    details.addEventListener('toggle', () => void fillDetails(details, images, one), { once: true });
    return rowOf(element('bdi', {}, name), element('bdi', {}, evrText(version)), version[3], details);
  });
  const text = `${names + more} ${names + more === 1 ? 'name' : 'names'}${more > 0 ? `, the best ${names} shown` : ''}`;
  return { text, nodes: [tableOf('Packages found', ['package', 'version', 'architecture', 'images'], rows)] };
}

async function fillDetails(
  details: HTMLElement,
  images: readonly ListedImage[],
  one: FoundVersion,
): Promise<void> {
  const carriers = await carriersOf(one);
  const list = element(
    'ul',
    { class: 'inline' },
    ...carriers.map((at) => element('li', {}, linkTo(images[at]!))),
  );
  details.append(list);
}

void start();
