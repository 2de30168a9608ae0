/** build --check: two builds of one lock, each from nothing, held against each other path by path. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../errors.ts';
import { showBytes } from '../host/paths.ts';
import type { Tree, TreeEntry } from '../layer/tree.ts';
import { loadChain } from '../recipe/load.ts';
import { OverlaySnapshotter } from '../snapshot/overlay.ts';
import { buildChain, type BuildOptions } from './build.ts';
import { readTree } from './make.ts';
import type { Context } from './context.ts';
import { lockedChain, type LockedRecipe } from './lock.ts';
import { readRecord, type ImageRecord } from './records.ts';
import { withWorkspace } from './workspace.ts';

/** Throws NOT_REPRODUCIBLE naming the recipe and the first path that differs; else gives the image. */
export async function checkReproducible(
  context: Context,
  recipe: string,
  { arch }: BuildOptions,
): Promise<ImageRecord> {
  const recipes = await loadChain(recipe);
  return context.content.lease(async () =>
    buildTwice(context, await lockedChain(context, recipes, arch), arch),
  );
}

async function buildTwice(context: Context, chain: LockedRecipe[], arch: string): Promise<ImageRecord> {
  const names = chain.map(({ loaded }) => loaded.recipe.name);
  return withWorkspace(context.state, async ({ directory }) => {
    const built: Map<string, ImageRecord>[] = [];
    for (const attempt of ['first', 'second']) {
      context.progress.step(`building from nothing: ${attempt} time`);
      built.push(
        await inEmptyState(context, join(directory, attempt), async (empty) => {
          await buildChain(empty, chain, arch);
          const records = await Promise.all(names.map((name) => readRecord(empty.state, name)));
          return new Map(names.map((name, index) => [name, records[index]!]));
        }),
      );
    }
    const [first, second] = built as [Map<string, ImageRecord>, Map<string, ImageRecord>];
    for (const name of names) await compare(context, first.get(name)!, second.get(name)!);
    return second.get(names.at(-1)!)!;
  });
}

/** Packages that are in the content store already are used; images, snapshots and tool roots are not. */
async function inEmptyState<T>(
  context: Context,
  state: string,
  fn: (empty: Context) => Promise<T>,
): Promise<T> {
  for (const name of ['', 'former', 'frames', 'images', 'layers', 'locks', 'toolroots'])
    await mkdir(join(state, name), { recursive: true });
  const snapshots = await OverlaySnapshotter.open(state);
  try {
    return await fn({ ...context, state, snapshots });
  } finally {
    await snapshots.close();
  }
}

async function compare(context: Context, first: ImageRecord, second: ImageRecord): Promise<void> {
  if (first.manifestDigest === second.manifestDigest) return;
  const difference = firstDifference(
    await readTree(context, first.tree),
    await readTree(context, second.tree),
  ) ?? {
    path: '',
    what: 'the configuration or the order of entries',
  };
  const where = difference.path === '' ? '' : `/${difference.path}: `;
  throw new MillinerError('NOT_REPRODUCIBLE', `${first.name}: ${where}${difference.what} differs`, {
    details: { recipe: first.name, ...difference, digests: [first.manifestDigest, second.manifestDigest] },
  });
}

function firstDifference(a: Tree, b: Tree): { path: string; what: string } | undefined {
  const paths = [...new Set([...a.keys(), ...b.keys()])].toSorted();
  for (const path of paths) {
    const what = differenceOf(a.get(path), b.get(path));
    if (what) return { path: showBytes(path), what };
  }
  return undefined;
}

/** What an image shows; inode numbers and change times are the state directory's own. */
export function differenceOf(a: TreeEntry | undefined, b: TreeEntry | undefined): string | undefined {
  if (!a || !b) return 'presence';
  const fields = [
    'mode',
    'uid',
    'gid',
    'sha256',
    'mtimeSeconds',
    'target',
    'deviceMajor',
    'deviceMinor',
  ] as const;
  const field = fields.find((name) => a[name] !== b[name]);
  const names: Partial<Record<string, string>> = { sha256: 'content', mtimeSeconds: 'modification time' };
  if (field) return names[field] ?? field;
  return JSON.stringify(a.xattrs ?? {}) === JSON.stringify(b.xattrs ?? {})
    ? undefined
    : 'extended attributes';
}
