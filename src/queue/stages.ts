/**
 * The work of each stage of a release, in the process of its job: calls of the pipeline, with digests as input and
 * output.
 */
import { build } from '../pipeline/build/build.ts';
import { bootFailure } from '../pipeline/instance/boot-result.ts';
import { bootRecorded } from '../pipeline/instance/boot.ts';
import { holdChain } from '../pipeline/lock/locked-chain.ts';
import { sbomBlob } from '../pipeline/publish/image-sbom.ts';
import { shareBytes, obtain, openExchange } from '../pipeline/state/blob-exchange.ts';
import type { Context } from '../pipeline/state/context.ts';
import { readVerdict } from '../pipeline/state/verdicts.ts';
import { importImages, shareImage } from '../pipeline/transfer/image-transfer.ts';
import {
  bundleRecipe,
  shareBundle,
  withBundle,
  type BundledRecipe,
} from '../pipeline/transfer/recipe-bundle.ts';
import { retriesOf } from '../stages/boot/attempts.ts';
import { hasZstdLayer } from '../stages/image/arch-index.ts';
import { loadChain } from '../stages/recipe/load.ts';
import type { Built } from './claims.ts';
import type { Stage, StageJob } from './job.ts';
import { publish, sign } from './publish-stages.ts';
import type { Results, Work } from './stage-work.ts';

export const work: { [S in Stage]: Work<S> } = { lock, build: buildAndBoot, sign, publish };

/** Checks that the recipe fits the lock that came with it, or makes a lock if none came. */
async function lock(context: Context, { data, base }: StageJob): Promise<Results['lock']> {
  if (base) await obtain(await withBaseExchange(context, base), base.bundle);
  const lockRecipe = async (recipe: string) => {
    const chain = await loadChain(recipe);
    const locked = await context.content.lease(() => holdChain(context, chain, data.arches));
    const lockDigest = locked.at(-1)!.lock.digest;
    if (base === undefined && !locked.some(({ made }) => made)) return { bundle: data.bundle, lockDigest };
    const bundled: BundledRecipe[] = [];
    for (const one of locked) bundled.push(await bundleRecipe(one.loaded, one.lock));
    return { bundle: await shareBundle(context, bundled), lockDigest };
  };
  return withBundle(context, data.bundle, lockRecipe, base?.bundle);
}

/** Uses the exchange of the base's release in place of this one's: they may be two repositories. */
async function withBaseExchange(context: Context, base: NonNullable<StageJob['base']>): Promise<Context> {
  const { exchange, plainHttp } = base;
  if (exchange === undefined) return context;
  return { ...context, exchange: await openExchange(exchange, { ...context, plainHttp }) };
}

async function buildAndBoot(context: Context, { data, arch, base }: StageJob): Promise<Built> {
  if (base?.image) await importImages(await withBaseExchange(context, base), base.image.records);
  const record = await withBundle(context, data.bundle, (recipe) => build(context, recipe, { arch: arch! }));
  // An image that has passed here before is not booted again.
  const known = await readVerdict(context.state, record.manifestDigest);
  const verdict = known?.passed === true ? known : await bootRecorded(context, record);
  if (!verdict.passed) throw bootFailure(verdict, await shareBytes(context, bytesOf(verdict)));
  const retries = retriesOf(verdict);
  // Only an image that has booted leaves this machine.
  const records = await shareImage(context, record);
  return {
    arch: arch as Built['arch'],
    manifestDigest: record.manifestDigest,
    manifestSize: record.manifestSize,
    hasZstd: hasZstdLayer(record.layers),
    records,
    sboms: await sbomBlob(context, record),
    verdict: await shareBytes(context, bytesOf(verdict)),
    packages: record.packages.length,
    ...(verdict.readySeconds !== undefined && { readySeconds: verdict.readySeconds }),
    ...(retries > 0 && { retries }),
    ...(verdict.history && { history: verdict.history }),
  };
}

function bytesOf(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
