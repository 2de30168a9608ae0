/** For `build --check`: builds a lock twice, each time in an empty state, and compares the results path by path. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { archToBuild } from '../../lib/host/arch.ts';
import { showBytes } from '../../lib/host/paths.ts';
import { differenceOf } from '../../stages/layer/diff/compare.ts';
import type { Tree } from '../../stages/layer/tree.ts';
import { loadChain } from '../../stages/recipe/load.ts';
import { OverlaySnapshotter } from '../../stages/snapshot/overlay.ts';
import { lockedChain } from '../lock/locked-chain.ts';
import type { LockedRecipe } from '../lock/locked-recipe.ts';
import type { Context } from '../state/context.ts';
import { readRecord, type ImageRecord, type StateEntry } from '../state/image-records.ts';
import { readTree } from '../state/trees.ts';
import { withWorkspace } from '../state/workspace.ts';
import { buildChain, type BuildOptions } from './build.ts';

/** Returns the image. Throws NOT_REPRODUCIBLE with the recipe, the differences, and the scriptlets that caused them. */
export async function checkReproducible(
  context: Context,
  recipe: string,
  options: BuildOptions,
): Promise<ImageRecord> {
  const recipes = await loadChain(recipe);
  const arch = archToBuild(options.arch, recipes.at(-1)!.recipe.arches);
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
          const records = await Promise.all(names.map((name) => readRecord(empty.state, { name, arch })));
          return new Map(names.map((name, index) => [name, records[index]!]));
        }),
      );
    }
    const [first, second] = built as [Map<string, ImageRecord>, Map<string, ImageRecord>];
    for (const name of names) await compare(context, first.get(name)!, second.get(name)!);
    return second.get(names.at(-1)!)!;
  });
}

/** Reuses packages in the content store, but no images, snapshots and tool roots. */
async function inEmptyState<T>(
  context: Context,
  state: string,
  fn: (empty: Context) => Promise<T>,
): Promise<T> {
  for (const name of ['', 'locks', 'toolroots']) await mkdir(join(state, name), { recursive: true });
  const snapshots = await OverlaySnapshotter.open(state);
  try {
    return await fn({ ...context, state, snapshots });
  } finally {
    await snapshots.close();
  }
}

/** A path that differs between the builds, and the scriptlet that made it, as far as it is known. */
interface Unstable extends Pick<StateEntry, 'package' | 'scriptlet' | 'during'> {
  path: string;
  what: string;
}

const maxShown = 20;

async function compare(context: Context, first: ImageRecord, second: ImageRecord): Promise<void> {
  if (first.manifestDigest === second.manifestDigest) return;
  const trees = [await readTree(context, first.tree), await readTree(context, second.tree)] as const;
  const makers = new Map([...first.report.state, ...second.report.state].map((one) => [one.path, one]));
  const differences = differencesOf(...trees).map((one): Unstable => {
    const { why, package: maker, scriptlet, during } = makers.get(`/${one.path}`) ?? {};
    return {
      ...one,
      // A package that owns a ghost has not created it.
      ...(maker !== undefined && why === 'scriptlet' && { package: maker }),
      ...(scriptlet !== undefined && { scriptlet }),
      ...(during !== undefined && { during }),
    };
  });
  const lines = differences.slice(0, maxShown).map(describe);
  if (differences.length === 0) lines.push('the configuration or the order of entries differs');
  if (differences.length > maxShown) lines.push(`and ${differences.length - maxShown} more`);
  throw new MillinerError('NOT_REPRODUCIBLE', lines.map((line) => `${first.name}: ${line}`).join('\n'), {
    details: {
      recipe: first.name,
      ...differences[0],
      differences,
      digests: [first.manifestDigest, second.manifestDigest],
    },
  });
}

function describe({ path, what, package: maker, scriptlet, during }: Unstable): string {
  const when = during === undefined ? '' : `, made while ${during} was installed`;
  const who =
    maker === undefined ? when : `, made by ${scriptlet === undefined ? '' : `${scriptlet} of `}${maker}`;
  return `/${path}: ${what} differs${who}`;
}

function differencesOf(a: Tree, b: Tree): { path: string; what: string }[] {
  const paths = [...new Set([...a.keys(), ...b.keys()])].toSorted();
  return paths.flatMap((path) => {
    const what = differenceOf(a.get(path), b.get(path));
    return what === undefined ? [] : [{ path: showBytes(path), what }];
  });
}
