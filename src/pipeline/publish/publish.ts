/**
 * For `publish`: sends a booted image to registries. It goes there by digest, with its signatures, is read back and
 * verified as a client that trusts the key does it, and only then the tags move. After an interruption at any point, a
 * tag points to the old image or to the complete new one, and the next run reuses what is there.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { requirePassed, type Verdict } from '../../stages/boot/verdict.ts';
import { readPrivateKey, type SigningKey } from '../../stages/sign/key.ts';
import { signImage } from '../../stages/sign/sign-image.ts';
import type { RecordedMove } from '../../stages/sign/tag-move.ts';
import type { Context } from '../state/context.ts';
import { findRecord, type ImageRecord } from '../state/image-records.ts';
import { addPublication } from '../state/publications.ts';
import type { Sboms } from '../state/received.ts';
import { readImage, type StoredImage } from '../state/stored-image.ts';
import { readVerdict } from '../state/verdicts.ts';
import { layouts, layoutsOf, type Layout, type PublishedImage } from '../trust/fetch-signatures.ts';
import { readKeyText } from '../trust/signer-key.ts';
import { rememberCurrent, requireCurrent, statedOf } from '../trust/standings.ts';
import { proofs } from '../trust/verify-image.ts';
import { attach, type Attached } from './attach.ts';
import { sbomsOf } from './image-sbom.ts';
import { unlimitedLease, withImageLock, withLease } from './publish-lease.ts';
import { confirmMoves, moveTags, publication, recordMoves, requireTagsMovable } from './move-tags.ts';
import { nextStandings, defaultLife } from './next-standings.ts';
import { pushImage, type Tally } from './push.ts';
import { openTargets, type Target } from './targets.ts';

export interface PublishOptions {
  /** REGISTRY/REPOSITORY:TAG each. */
  to: readonly string[];
  /** Path of the private key. */
  key: string;
  /** Called once, after all other checks have passed. */
  password: () => Promise<string>;
  plainHttp: boolean;
  /** The one layout of signatures to write; both where it is absent. */
  only?: Layout | undefined;
  /** Validity of the statements about the tags, in seconds. */
  life?: number | undefined;
}

/** The key, the layouts of the signatures, and their validity. */
export interface Signing {
  key: SigningKey;
  layouts: readonly Layout[];
  /** Validity of the statements about the tags, in seconds. */
  life?: number | undefined;
}

export interface Published extends Attached, Tally {
  name: string;
  manifestDigest: string;
  references: string[];
}

/** The claims about an image besides its name. */
export interface Evidence {
  sboms: Sboms;
  verdict: Verdict;
}

/**
 * Throws IMAGE_UNBOOTED, IMAGE_NOT_FOUND, REFERENCE_INVALID, KEY_FILE_INVALID, what registries throw, and what
 * verification throws. No tag has moved in these cases.
 */
export async function publish(
  context: Context,
  image: string,
  { to, key, password, plainHttp, only, life }: PublishOptions,
): Promise<Published> {
  const record = await findRecord(context.state, image);
  const targets = await openTargets(to, { ...context, plainHttp });
  await passedVerdict(context, record);
  const signing = {
    key: await readPrivateKey(await readKeyText(key), await password(), key),
    layouts: layoutsOf(only),
    life,
  };
  return inTurn(context, record.manifestDigest, () => publishImage(context, record, targets, signing));
}

/** Runs fn while gc may not remove blobs, and no other run of this state signs the same image. */
export function inTurn<T>(context: Context, manifestDigest: Digest, fn: () => Promise<T>): Promise<T> {
  return context.content.lease(() => withImageLock(context, manifestDigest, fn));
}

async function publishImage(
  context: Context,
  record: ImageRecord,
  targets: Target[],
  signing: Signing,
): Promise<Published> {
  // Read again under the lock: the image may have been booted since, and the newest verdict is signed.
  const verdict = await passedVerdict(context, record);
  const image = await readImage(context, record);
  const sboms = await sbomsOf(context, record);
  const signed = await signImageAt(context, image, { sboms, verdict }, targets, signing);
  // Checked again: the image may have been booted since, and failed.
  await passedVerdict(context, record);
  const { moves, ...attached } = signed;
  const references = await moveAllTags(context, image, targets);
  for (const target of targets) await confirmMoves(context, target, signing.key, moves);
  await rememberTags(context, image, targets, signing);
  return { name: record.name, manifestDigest: image.digest, references, ...attached };
}

/**
 * Pushes the image to every target by digest, signs it, and verifies it there; then the moves of the tags are recorded.
 * No tag moves. Throws TAG_HELD before anything is pushed.
 */
export async function signImageAt(
  context: Context,
  image: StoredImage,
  evidence: Evidence,
  targets: Target[],
  signing: Signing,
  acquireLease = unlimitedLease,
): Promise<Attached & Tally & { moves: RecordedMove[] }> {
  const { progress } = context;
  const tally: Tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
  const attached: Attached = { signatures: [], attestations: [] };
  const { key } = signing;
  for (const target of targets) {
    await target.client.ping();
    await requireTagsMovable(context, target, key, image);
  }
  for (const [index, target] of targets.entries()) {
    const place = `${target.registry}/${target.repository}`;
    progress.step(`pushing ${image.name} to ${place}`);
    await statedOf(imageAt(image, target), layouts, standingOptions(context, signing));
    const before = targets.slice(0, index).filter(({ registry }) => registry === target.registry);
    await pushImage(
      context,
      image,
      target,
      before.map(({ repository }) => repository),
      tally,
    );
    progress.step(`signing ${image.name} at ${place}`);
    const sign = (within: Target) => signAt(context, image, within, signing, evidence, tally);
    const added = await withLease(context, acquireLease, target, sign);
    attached.signatures.push(...added.signatures.map((name) => nameAt(place, name)));
    attached.attestations.push(...added.attestations.map((name) => nameAt(place, name)));
  }
  for (const target of targets) {
    progress.step(`verifying ${image.name} at ${target.registry}/${target.repository}`);
    await verifyAt(context, image, target, signing);
  }
  const moves: RecordedMove[] = [];
  for (const target of targets) {
    const record = (within: Target) => recordMoves(context, within, key, publication(image));
    moves.push(...(await withLease(context, acquireLease, target, record)));
  }
  return { ...attached, ...tally, moves };
}

/** Moves the tags of an image that is signed at every target. Returns the references. */
export async function moveAllTags(
  context: Context,
  image: StoredImage,
  targets: Target[],
  acquireLease = unlimitedLease,
): Promise<string[]> {
  for (const target of targets) await moveTags(context, image, target, acquireLease);
  const references = targets.flatMap(({ tags }) => tags.map(({ reference }) => reference));
  await addPublication(context.state, image.digest, references);
  return references;
}

/** Throws IMAGE_UNBOOTED. */
async function passedVerdict({ state }: Context, record: ImageRecord): Promise<Verdict> {
  return requirePassed(await readVerdict(state, record.manifestDigest), record);
}

async function signAt(
  context: Context,
  image: StoredImage,
  target: Target,
  signing: Signing,
  { sboms, verdict }: Evidence,
  tally: Tally,
): Promise<Attached> {
  const { digest, mediaType, manifest, epoch } = image;
  const place = imageAt(image, target);
  const options = standingOptions(context, signing);
  const standings = await nextStandings(place, target, signing.life ?? defaultLife, options);
  const signed = signImage(signing.key, {
    image: { mediaType, digest, size: manifest.length },
    references: target.tags.map(({ reference }) => reference),
    sboms,
    verdict,
    standings,
    epoch,
  });
  return attach(place, signing.key.public, signed, signing.layouts, tally);
}

/** Verifies the image as the registry returns it, which is all that a client sees. */
async function verifyAt(
  context: Context,
  image: StoredImage,
  target: Target,
  signing: Signing,
): Promise<void> {
  const { client, repository, registry } = target;
  const differs = (what: string) =>
    new MillinerError('REGISTRY_INVALID', `${registry}/${repository} does not return ${what}`, {
      details: { registry, repository, what },
    });
  const manifest = await client.getManifest(repository, image.digest);
  if (!manifest?.bytes.equals(image.manifest)) throw differs(image.digest);
  const config = await client.getBlob(repository, image.config.digest, image.config.size);
  if (config?.length !== image.config.size) throw differs(image.config.digest);
  for (const { digest, size } of image.layers) {
    const found = await client.hasBlob(repository, digest);
    if (found === undefined || (found.size ?? size) !== size) throw differs(digest);
  }
  const references = target.tags.map(({ reference }) => reference);
  const { key, layouts: chosen } = signing;
  const place = imageAt(image, target);
  // The tags have not moved yet, so the state must not remember these statements.
  const options = { ...standingOptions(context, signing), state: undefined, allowExpired: false };
  const stated = await statedOf(place, chosen, options);
  const { revokedVerdicts } = stated;
  for (const layout of chosen) {
    await proofs[layout](place, key.public, references, { allowUnnamed: false, revokedVerdicts });
  }
  for (const reference of references) {
    const standing = await requireCurrent(image.digest, reference, stated, options);
    if (!standing) throw differs(`what ${reference} names`);
  }
}

function standingOptions({ state, progress }: Context, { key }: Signing) {
  return { key: key.public, state, warn: (sentence: string) => progress.warn(sentence) };
}

/**
 * Remembered after the tags have moved: the next verification here detects a rollback, and the next statement continues
 * from this number.
 */
async function rememberTags(context: Context, image: StoredImage, targets: Target[], signing: Signing) {
  const options = standingOptions(context, signing);
  for (const target of targets) {
    const stated = await statedOf(imageAt(image, target), signing.layouts, options);
    for (const { reference } of target.tags) await rememberCurrent(image.digest, reference, stated, options);
  }
}

function imageAt({ digest }: StoredImage, { client, repository }: Target): PublishedImage {
  return { client, repository, digest };
}

function nameAt(place: string, name: string): string {
  return name.startsWith('sha256:') ? `${place}@${name}` : `${place}:${name}`;
}
