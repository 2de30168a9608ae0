/** What one image has that another has not: for the pages that are written, and for those that a browser asks for. */
import { compareEvr, parseEvr } from '../../lib/rpm/version-order.ts';
import type { ImageData } from './site-data.ts';

export interface ImageComparison {
  packages: {
    name: string;
    arch: string;
    first: string;
    second: string;
    change: 'added' | 'removed' | 'newer' | 'older';
  }[];
  /** Packages that both have in the same version. */
  same: number;
  sharedLayers: number;
  /** Bytes of the layers of the second image that the first has not. */
  download: number;
  layers: { digest: string; size: number; holds: string; side: 'first' | 'second' }[];
}

type Compared = Pick<ImageData, 'packages' | 'layers'>;

export function compareImages(first: Compared, second: Compared): ImageComparison {
  const [a, b] = [
    new Set(first.layers.map(([digest]) => digest)),
    new Set(second.layers.map(([digest]) => digest)),
  ];
  const gone = first.layers.filter(([digest]) => !b.has(digest));
  const come = second.layers.filter(([digest]) => !a.has(digest));
  const layer =
    (side: 'first' | 'second') =>
    ([digest, size, holds]: ImageData['layers'][number]) => ({ digest, size, holds, side });
  return {
    ...comparePackages(first, second),
    sharedLayers: second.layers.length - come.length,
    download: come.reduce((sum, [, size]) => sum + size, 0),
    layers: [...gone.map(layer('first')), ...come.map(layer('second'))],
  };
}

/** Several versions of one name (kernels) are one row. */
function comparePackages(first: Compared, second: Compared): Pick<ImageComparison, 'packages' | 'same'> {
  const [before, after] = [versionsByName(first), versionsByName(second)];
  const rows: ImageComparison['packages'] = [];
  let same = 0;
  for (const [key, { name, arch }] of new Map([...before, ...after])) {
    const [old, now] = [before.get(key)?.versions, after.get(key)?.versions];
    const [from, to] = [old?.join(', ') ?? '', now?.join(', ') ?? ''];
    if (from === to) same += 1;
    else rows.push({ name, arch, first: from, second: to, change: changeOf(old, now) });
  }
  return { packages: rows.toSorted(byName), same };
}

function versionsByName({
  packages,
}: Compared): Map<string, { name: string; arch: string; versions: string[] }> {
  const found = new Map<string, { name: string; arch: string; versions: string[] }>();
  for (const [name, evr, arch] of packages) {
    const key = `${name}.${arch}`;
    const known = found.get(key) ?? { name, arch, versions: [] };
    known.versions.push(evr);
    found.set(key, known);
  }
  return found;
}

function changeOf(
  old: readonly string[] | undefined,
  now: readonly string[] | undefined,
): ImageComparison['packages'][number]['change'] {
  if (!old) return 'added';
  if (!now) return 'removed';
  return compareEvr(parseEvr(now.at(-1)!), parseEvr(old.at(-1)!)) < 0 ? 'older' : 'newer';
}

function byName(a: { name: string; arch: string }, b: { name: string; arch: string }): number {
  const [x, y] = [`${a.name}.${a.arch}`, `${b.name}.${b.arch}`];
  return x === y ? 0 : x < y ? -1 : 1;
}
