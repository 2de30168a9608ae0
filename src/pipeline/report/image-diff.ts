/** For `diff`: compares the packages, changelogs, files, layers and download size of two images. */
import { showBytes } from '../../lib/host/paths.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { ImageLayer } from '../../stages/image/image.ts';
import { differenceOf } from '../../stages/layer/diff/compare.ts';
import type { Tree } from '../../stages/layer/tree.ts';
import { changesBetween } from '../../stages/lock/package-changes.ts';
import { newEntries, type ChangelogEntry } from '../packages/changelog.ts';
import type { Context } from '../state/context.ts';
import { findRecord } from '../state/find-image.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { readTree } from '../state/trees.ts';

export interface UpdatedPackage {
  from: string;
  to: string;
  /** Entries newer than all of the old package, newest first; absent if a package file is no longer in the store. */
  changelog?: ChangelogEntry[];
}

export interface ImageDiff {
  images: [Digest, Digest];
  packages: { added: string[]; removed: string[]; updated: UpdatedPackage[] };
  files: { added: string[]; removed: string[]; changed: { path: string; what: string }[] };
  layers: { reused: number; new: Pick<ImageLayer, 'digest' | 'size' | 'recipe' | 'holds'>[] };
  /** Bytes of the new layers: what a client that has the first image downloads. */
  downloadSize: number;
}

/** Throws IMAGE_NOT_FOUND, and BLOB_MISSING if gc has removed the tree of a replaced image. */
export async function diffImages(
  context: Context,
  first: string,
  second: string,
  arch?: string,
): Promise<ImageDiff> {
  return context.content.lease(async () => {
    const find = (image: string) => findRecord(context.state, image, arch);
    const [a, b] = [await find(first), await find(second)];
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

async function diffPackages(
  context: Context,
  a: ImageRecord,
  b: ImageRecord,
): Promise<ImageDiff['packages']> {
  // Packages of an image built by others have no checksum here: no file to read, and no way to tell two builds apart.
  const [before, now] = [a, b].map(
    ({ packages, checksums }) => new Map(packages.map((nevra) => [nevra, checksums[nevra] ?? ''])),
  );
  const { added, removed, replaced } = changesBetween(before!, now!);
  const updated: UpdatedPackage[] = [];
  for (const { from, to } of replaced) {
    const files = [before!.get(from)!, now!.get(to)!] as const;
    const changelog = files.includes('') ? undefined : await newEntries(context, ...files);
    updated.push({ from, to, ...(changelog && { changelog }) });
  }
  return { added, removed, updated };
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
