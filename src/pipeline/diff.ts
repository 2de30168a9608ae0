/** diff: what one image has that another has not: packages with their changelogs, files, layers, bytes to download. */
import type { Digest } from '../content/digest.ts';
import { showBytes } from '../host/paths.ts';
import type { ImageLayer } from '../image/image.ts';
import type { Tree } from '../layer/tree.ts';
import { readPackage, type RpmPackage } from '../rpm/package.ts';
import { headerTags } from '../rpm/tags.ts';
import { differenceOf } from './check.ts';
import type { Context } from './context.ts';
import { readTree } from './make.ts';
import { findAnyRecord, type ImageRecord } from './records.ts';

export interface ChangelogEntry {
  /** Seconds since 1970. */
  time: number;
  /** As rpm has it: name, address, and mostly the version. */
  author: string;
  text: string;
}

export interface UpdatedPackage {
  from: string;
  to: string;
  /** Newer than the newest of the old package, newest first; absent where a package file is no longer in the store. */
  changelog?: ChangelogEntry[];
}

export interface ImageDiff {
  images: [Digest, Digest];
  packages: { added: string[]; removed: string[]; updated: UpdatedPackage[] };
  files: { added: string[]; removed: string[]; changed: { path: string; what: string }[] };
  layers: { reused: number; new: Pick<ImageLayer, 'digest' | 'size' | 'recipe' | 'holds'>[] };
  /** Bytes of the new layers, for whoever has the first image. */
  downloadSize: number;
}

/** Throws IMAGE_NOT_FOUND, and BLOB_MISSING where the tree of a former image has been collected. */
export async function diffImages(context: Context, first: string, second: string): Promise<ImageDiff> {
  return context.content.lease(async () => {
    const [a, b] = [await findAnyRecord(context.state, first), await findAnyRecord(context.state, second)];
    const there = new Set(a.layers.map(({ digest }) => digest));
    const added = b.layers.filter(({ digest }) => !there.has(digest));
    return {
      images: [a.manifestDigest, b.manifestDigest],
      packages: await diffPackages(context, a, b),
      files: diffTrees(await readTree(context, a.tree), await readTree(context, b.tree)),
      layers: {
        reused: b.layers.length - added.length,
        new: added.map(({ digest, size, recipe, holds }) => ({ digest, size, recipe, holds })),
      },
      downloadSize: added.reduce((sum, { size }) => sum + size, 0),
    };
  });
}

/** Name and architecture: what an update leaves as they are. */
function nameOf(nevra: string): string {
  const [, name, arch] = /^(.+)-[^-]+-[^-]+\.([^.]+)$/.exec(nevra) ?? [undefined, nevra, ''];
  return `${name}.${arch}`;
}

async function diffPackages(
  context: Context,
  a: ImageRecord,
  b: ImageRecord,
): Promise<ImageDiff['packages']> {
  const checksums = (one: ImageRecord) => new Map(Object.entries(one.checksums));
  const [before, now] = [checksums(a), checksums(b)];
  const gone = [...before].filter(([nevra, sha256]) => now.get(nevra) !== sha256).map(([nevra]) => nevra);
  const come = [...now].filter(([nevra, sha256]) => before.get(nevra) !== sha256).map(([nevra]) => nevra);
  const predecessors = Map.groupBy(gone, nameOf);
  const updated: UpdatedPackage[] = [];
  const added: string[] = [];
  for (const to of come) {
    // Several versions side by side (kernels): each new one takes the place of one that has gone.
    const from = predecessors.get(nameOf(to))?.shift();
    if (from === undefined) added.push(to);
    else {
      const changelog = await newEntries(context, before.get(from)!, now.get(to)!);
      updated.push({ from, to, ...(changelog && { changelog }) });
    }
  }
  return { added, removed: [...predecessors.values()].flat(), updated };
}

async function newEntries(context: Context, from: string, to: string): Promise<ChangelogEntry[] | undefined> {
  const [old, current] = [await storedPackage(context, from), await storedPackage(context, to)];
  if (!old || !current) return undefined;
  const newest = Math.max(0, ...(old.header.numbers(headerTags.CHANGELOGTIME) ?? []));
  const times = current.header.numbers(headerTags.CHANGELOGTIME) ?? [];
  const authors = current.header.strings(headerTags.CHANGELOGNAME) ?? [];
  const texts = current.header.strings(headerTags.CHANGELOGTEXT) ?? [];
  return times
    .map((time, index) => ({ time, author: authors[index] ?? '', text: texts[index] ?? '' }))
    .filter(({ time }) => time > newest);
}

async function storedPackage({ content }: Context, sha256: string): Promise<RpmPackage | undefined> {
  const digest: Digest = `sha256:${sha256}`;
  return (await content.has(digest)) ? readPackage(await content.use(digest)) : undefined;
}

function diffTrees(a: Tree, b: Tree): ImageDiff['files'] {
  const shown = (path: Parameters<typeof showBytes>[0]) => `/${showBytes(path)}`;
  const changed: ImageDiff['files']['changed'] = [];
  for (const [path, entry] of b) {
    const before = a.get(path);
    const what = before && differenceOf(before, entry);
    if (what !== undefined) changed.push({ path: shown(path), what });
  }
  return {
    added: [...b.keys()].filter((path) => !a.has(path)).map(shown),
    removed: [...a.keys()].filter((path) => !b.has(path)).map(shown),
    changed,
  };
}
