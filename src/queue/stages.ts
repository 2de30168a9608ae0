/**
 * The work of each stage of a release, in the process of its job: calls of the pipeline, with digests as input and
 * output.
 */
import { MillinerError } from '../lib/errors/error.ts';
import { build } from '../pipeline/build/build.ts';
import { bootFailure, bootRecorded } from '../pipeline/instance/boot.ts';
import { holdChain } from '../pipeline/lock/locked-chain.ts';
import { sbomsOf } from '../pipeline/publish/image-sbom.ts';
import type { AcquireLease } from '../pipeline/publish/lease.ts';
import { promote } from '../pipeline/publish/move-tags.ts';
import { inTurn } from '../pipeline/publish/publish.ts';
import { signImageAt } from '../pipeline/publish/sign-image-at.ts';
import { addTo, indexOf, signIndexAt, type IndexPart } from '../pipeline/publish/sign-index-at.ts';
import { openTargets, type Target } from '../pipeline/publish/targets.ts';
import { shareBytes, obtain, obtainBytes, openExchange } from '../pipeline/state/blob-exchange.ts';
import { differsFromManifest } from '../pipeline/state/compare-manifest.ts';
import type { Context } from '../pipeline/state/context.ts';
import { writeIndexRecord } from '../pipeline/state/index-records.ts';
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
import type { Built, Locked, Published, Signed } from './claims.ts';
import type { Stage, StageJob } from './job.ts';
import { openKey } from './keyring.ts';
import { indexReferences, referencesOf, tagsOf } from './release-tags.ts';

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
    manifestSize: record.manifestSize,
    records,
    sboms: await shareBytes(context, bytesOf(sboms)),
    verdict: await shareBytes(context, bytesOf(verdict)),
    packages: record.packages.length,
    ...(verdict.readySeconds !== undefined && { readySeconds: verdict.readySeconds }),
  };
}

/** Each image for the tags of its own, then all of them with their index for the tags that they share. */
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
  const parts: IndexPart[] = [];
  for (const built of job.images) parts.push(await partOf(context, job, built));
  for (const { arch, image, evidence } of parts) {
    const targets = await targetsOf(context, job, referencesOf(job.data, arch));
    if (targets.length === 0) continue;
    const signOnce = () => signImageAt(context, image, evidence, targets, signing, { acquireLease });
    const again = retryOverwritten(context, signOnce);
    addTo(sum, await inTurn(context, [image.digest], () => signOnce().catch(again)));
  }
  const shared = await targetsOf(context, job, indexReferences(job.data));
  if (shared.length > 0) {
    const signOnce = () => signIndexAt(context, parts, shared, signing, acquireLease);
    const again = retryOverwritten(context, signOnce);
    const digests = parts.map(({ image }) => image.digest);
    addTo(sum, await inTurn(context, digests, () => signOnce().catch(again)));
  }
  return sum;
}

/** The image and what is stated of it, if it has booted here or on an enrolled machine. Throws IMAGE_UNBOOTED. */
async function partOf(context: Context, job: StageJob, built: Built): Promise<IndexPart> {
  const image = await storedImage(context, job, built);
  const evidence = {
    sboms: parseSboms(await obtainBytes(context, built.sboms)),
    verdict: parseVerdict(await obtainBytes(context, built.verdict)),
  };
  requirePassed(evidence.verdict, { name: image.name, manifestDigest: built.manifestDigest });
  return { arch: built.arch, image, evidence };
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
  const parts: Omit<IndexPart, 'evidence'>[] = [];
  for (const built of job.images)
    parts.push({ arch: built.arch, image: await storedImage(context, job, built) });
  for (const { arch, image } of parts) {
    const targets = await targetsOf(context, job, referencesOf(job.data, arch));
    await inTurn(context, [image.digest], () => promote(context, image, targets, acquireLease));
  }
  const shared = await targetsOf(context, job, indexReferences(job.data));
  if (shared.length > 0) {
    const digests = parts.map(({ image }) => image.digest);
    const index = indexOf(parts);
    await writeIndexRecord(context.state, { digest: index.digest, images: digests });
    await inTurn(context, digests, () => promote(context, index, shared, acquireLease, digests));
  }
  return { tags: tagsOf(job.data, job.images) };
}

/** Fetches manifest and configuration. Layers are fetched when a registry lacks them. */
async function storedImage(
  context: Context,
  { data }: StageJob,
  { records, manifestDigest, manifestSize, arch }: Built,
): Promise<StoredImage> {
  const record = parseRecord(await obtainBytes(context, records.at(-1)!));
  if (record.manifestDigest !== manifestDigest)
    throw invalid('record of an image', `it is not of ${manifestDigest}`);
  // The images of one index are of one recipe, each for the architecture that the index gives it.
  if (record.name !== data.recipe || record.arch !== arch)
    throw invalid(
      'record of an image',
      `it is of ${record.name} for ${record.arch}, not of ${data.recipe} for ${arch}`,
    );
  await obtain(context, manifestDigest);
  await obtain(context, record.configDigest);
  const field = await differsFromManifest(context, record);
  if (field !== undefined)
    throw invalid('record of an image', `it has another ${field} than ${manifestDigest}`);
  const image = await readImage(context, record);
  if (image.manifest.length === manifestSize) return image;
  throw invalid('record of an image', `its manifest has ${image.manifest.length} bytes, not ${manifestSize}`);
}

function targetsOf(context: Context, job: StageJob, references: readonly string[]): Promise<Target[]> {
  const { plainHttp } = job.data;
  return openTargets(references, { ...context, plainHttp });
}

function bytesOf(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
