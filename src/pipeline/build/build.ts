/** For `build`: turns a locked recipe into an image in the state directory, after its bases. */
import { isDeepStrictEqual } from 'node:util';
import { archToBuild } from '../../lib/host/arch.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { loadChain } from '../../stages/recipe/load.ts';
import { ensureBase } from '../base/ensure-base.ts';
import { lockedChain } from '../lock/locked-chain.ts';
import type { LockedRecipe } from '../lock/locked-recipe.ts';
import type { BaseRecord } from '../state/base-records.ts';
import type { Context } from '../state/context.ts';
import { isComplete, readRecord, writeRecord, type ImageRecord } from '../state/image-records.ts';
import { withStateLock } from '../state/state-lock.ts';
import { exportLayout } from '../publish/export-layout.ts';
import { buildImage } from './build-image.ts';
import { buildKeyOf } from './build-key.ts';
import { contentDigest } from '../lock/recipe-content.ts';
import { readLedger, recordIds } from './record-ids.ts';

export interface BuildOptions {
  /** Default: an architecture of the recipe that the host runs. */
  arch?: string | undefined;
  /** A directory for an OCI layout, new or existing. */
  output?: string | undefined;
}

/** Builds what has changed, lowest base first. Returns the image of the recipe itself. */
export async function build(context: Context, recipe: string, options: BuildOptions): Promise<ImageRecord> {
  const recipes = await loadChain(recipe);
  return context.content.lease(async () => {
    const arch = archToBuild(options.arch, recipes.at(-1)!.recipe.arches);
    const record = await buildChain(context, await lockedChain(context, recipes, arch), arch);
    if (options.output !== undefined) await exportLayout(context, record, options.output);
    return record;
  });
}

export async function buildChain(
  context: Context,
  chain: LockedRecipe[],
  arch: string,
): Promise<ImageRecord> {
  const [lowest] = chain as [LockedRecipe];
  const { source } = lowest.loaded;
  const base = source && (await ensureBase(context, source, arch, lowest.answer.image));
  let record: ImageRecord | undefined;
  for (const one of chain) record = await ensureImage(context, one, arch, record ?? base);
  return record!;
}

/** Two builds of one recipe take turns; the second then finds the image. */
async function ensureImage(
  context: Context,
  locked: LockedRecipe,
  arch: string,
  base: ImageRecord | BaseRecord | undefined,
): Promise<ImageRecord> {
  const { name } = locked.loaded.recipe;
  return withStateLock(context, `build-${name}`, async () => {
    const ledger = await readLedger(locked.loaded);
    const buildKey = await buildKeyOf(locked, arch, base, ledger);
    const there = await readRecord(context.state, { name, arch });
    const isSame = there?.buildKey === buildKey || there?.settledKey === buildKey;
    const below = base && 'content' in base ? base.content : undefined;
    const content = await contentDigest(locked.loaded, below);
    const isThere = there && isSame && (await isComplete(context, there));
    if (isThere) context.progress.step(`${name}: unchanged`);
    const record = isThere
      ? await asPlanned(context, there, locked, content)
      : await buildImage(context, { locked, arch, base, buildKey, content, ledger });
    await recordIds(context, locked.loaded, ledger, record);
    return record;
  });
}

/**
 * The image of a former lock or recipe that the present ones leave as it was. The record names the present lock, because
 * the images of one index are of one lock, and how the present recipe judges a boot, which the image does not depend on.
 */
async function asPlanned(
  context: Context,
  there: ImageRecord,
  { lock, loaded: { recipe } }: LockedRecipe,
  content: Digest,
): Promise<ImageRecord> {
  const arches = Object.keys(lock.arches);
  const { retries, compare } = recipe.test ?? {};
  const test = { ...there.test, retries, compare };
  const planned = { lockDigest: lock.digest, arches, test, content };
  const isCurrent = isDeepStrictEqual(
    [there.lockDigest, there.arches, there.test.retries, there.test.compare, there.content],
    [lock.digest, arches, retries, compare, content],
  );
  if (isCurrent) return there;
  return writeRecord(context.state, { ...there, ...planned });
}
