/**
 * The work of each stage of a release, in the process of its job: calls of the pipeline, with digests as input and
 * output.
 */
import { MillinerError } from '../lib/errors/error.ts';
import { build } from '../pipeline/build/build.ts';
import { bootFailure, bootRecorded } from '../pipeline/instance/boot.ts';
import { holdChain } from '../pipeline/lock/locked-chain.ts';
import { sbomsOf } from '../pipeline/publish/image-sbom.ts';
import type { AcquireLease } from '../pipeline/publish/publish-lease.ts';
import { inTurn, moveAllTags, signImageAt } from '../pipeline/publish/publish.ts';
import { openTargets, type Target } from '../pipeline/publish/targets.ts';
import { shareBytes, obtain, obtainBytes, openExchange } from '../pipeline/state/blob-exchange.ts';
import { differsFromManifest } from '../pipeline/state/compare-manifest.ts';
import type { Context } from '../pipeline/state/context.ts';
import { invalid, parseRecord, parseSboms, parseVerdict } from '../pipeline/state/received.ts';
import { readImage, type StoredImage } from '../pipeline/state/stored-image.ts';
import { readVerdict } from '../pipeline/state/verdicts.ts';
import { importImages, shareImage } from '../pipeline/transfer/image-transfer.ts';
import {
  bundleRecipe,
  shareBundle,
  withBundle,
  type BundledRecipe,
} from '../pipeline/transfer/recipe-bundle.ts';
import { layoutsOf } from '../pipeline/trust/fetch-signatures.ts';
import { requirePassed } from '../stages/boot/verdict.ts';
import { loadChain } from '../stages/recipe/load.ts';
import { referencesOf, tagsOf, type Built, type Locked, type Published, type Signed } from './claims.ts';
import type { Stage, StageJob } from './job.ts';
import { openKey } from './keyring.ts';

interface Grants {
  acquireLease: AcquireLease;
  /** Password of the private key, for the sign stage. */
  password: string | undefined;
  /** Path of the key on this host. */
  keyPath: string | undefined;
}

/** The result of each stage, without the request that it is for. */
export interface Results {
  lock: Omit<Locked, 'request'>;
  build: Built;
  sign: Omit<Signed, 'request' | 'images'>;
  publish: Pick<Published, 'tags'>;
}

type Work<S extends Stage> = (context: Context, job: StageJob, grants: Grants) => Promise<Results[S]>;

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
  const sboms = await sbomsOf(context, record);
  // Only an image that has booted leaves this machine.
  const records = await shareImage(context, record);
  return {
    arch: arch as Built['arch'],
    manifestDigest: record.manifestDigest,
    records,
    sboms: await shareBytes(context, bytesOf(sboms)),
    verdict: await shareBytes(context, bytesOf(verdict)),
    packages: record.packages.length,
    ...(verdict.readySeconds !== undefined && { readySeconds: verdict.readySeconds }),
  };
}

async function sign(context: Context, job: StageJob, { acquireLease, password, keyPath: path }: Grants) {
  if (path === undefined || password === undefined) {
    throw new MillinerError('PASSWORD_MISSING', `this worker cannot sign with the key ${job.data.key}`);
  }
  const key = await openKey({ id: job.data.key, path }, password);
  const signing = { key, layouts: layoutsOf(job.data.only) };
  const sum: Results['sign'] = {
    signatures: [],
    attestations: [],
    uploadedBytes: 0,
    mountedBlobs: 0,
    skippedBlobs: 0,
  };
  for (const built of job.images) {
    const image = await storedImage(context, built);
    const evidence = {
      sboms: parseSboms(await obtainBytes(context, built.sboms)),
      verdict: parseVerdict(await obtainBytes(context, built.verdict)),
    };
    requirePassed(evidence.verdict, { name: image.name, manifestDigest: built.manifestDigest });
    const targets = await targetsOf(context, job, built);
    const signOnce = () => signImageAt(context, image, evidence, targets, signing, acquireLease);
    const signed = await inTurn(context, image.digest, () =>
      signOnce().catch(retryOverwritten(context, signOnce)),
    );
    sum.signatures.push(...signed.signatures);
    sum.attestations.push(...signed.attestations);
    for (const count of ['uploadedBytes', 'mountedBlobs', 'skippedBlobs'] as const)
      sum[count] += signed[count];
  }
  return sum;
}

/**
 * Retries once when another signer has overwritten what we attached. A registry has no compare-and-set for the
 * attachments of an image; reading them back shows the loss.
 */
function retryOverwritten<T>({ progress }: Context, again: () => Promise<T>): (error: unknown) => Promise<T> {
  return (error) => {
    const overwritten = ['SIGNATURE_MISSING', 'VERDICT_MISSING', 'IMAGE_ALTERED'];
    if (!(error instanceof MillinerError) || !overwritten.includes(error.code)) throw error;
    progress.warn(`${error.message}: once more`);
    return again();
  };
}

async function publish(
  context: Context,
  job: StageJob,
  { acquireLease }: Grants,
): Promise<Results['publish']> {
  const tags: Published['tags'] = [];
  for (const built of job.images) {
    const image = await storedImage(context, built);
    const targets = await targetsOf(context, job, built);
    await inTurn(context, image.digest, () => moveAllTags(context, image, targets, acquireLease));
    tags.push(...tagsOf(job.data, built));
  }
  return { tags };
}

/** Fetches manifest and configuration. Layers are fetched when a registry lacks them. */
async function storedImage(context: Context, { records, manifestDigest }: Built): Promise<StoredImage> {
  const record = parseRecord(await obtainBytes(context, records.at(-1)!));
  if (record.manifestDigest !== manifestDigest)
    throw invalid('record of an image', `it is not of ${manifestDigest}`);
  await obtain(context, manifestDigest);
  await obtain(context, record.configDigest);
  const field = await differsFromManifest(context, record);
  if (field !== undefined)
    throw invalid('record of an image', `it has another ${field} than ${manifestDigest}`);
  return readImage(context, record);
}

function targetsOf(context: Context, job: StageJob, { arch }: Built): Promise<Target[]> {
  const { plainHttp } = job.data;
  return openTargets(referencesOf(job.data.to, arch), { ...context, plainHttp });
}

function bytesOf(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
