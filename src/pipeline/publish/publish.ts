/**
 * For `publish`: sends a booted image to registries, or the images of all architectures of its lock with an index that
 * names them. They go there by digest, with signatures, are read back and verified as a client that trusts the key does
 * it, and only then the tags move. After an interruption at any point, a tag points to the old image or to the complete
 * new one, and the next run reuses what is there.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { requirePassed, type Verdict } from '../../stages/boot/verdict.ts';
import { handmadeLabel } from '../../stages/image/image.ts';
import { readPrivateKey } from '../../stages/sign/key.ts';
import type { Context } from '../state/context.ts';
import { findRecord, findRecords } from '../state/find-image.ts';
import { readRecord, type ImageRecord } from '../state/image-records.ts';
import { writeIndexRecord } from '../state/index-records.ts';
import { localNameIn } from '../state/local-name.ts';
import { readImage } from '../state/stored-image.ts';
import { readVerdict } from '../state/verdicts.ts';
import { layoutsOf, type Layout } from '../trust/fetch-signatures.ts';
import { readKeyText } from '../trust/signer-key.ts';
import type { Attached } from './attach.ts';
import { sbomBlob } from './image-sbom.ts';
import { confirmMoves, moveAllTags, rememberTags, type MovedManifest } from './move-tags.ts';
import { imageSignedBefore, indexSignedBefore } from './nothing-to-sign.ts';
import { withImageLocks } from './publish-lease.ts';
import type { Tally } from './push.ts';
import type { Evidence, Signing } from './sign-at.ts';
import { signImageAt, type SignedAt } from './sign-image-at.ts';
import { indexOf, signIndexAt, type ArchImage } from './sign-index-at.ts';
import { openTargets, type Target } from './targets.ts';

export interface PublishOptions {
  /** Also an image with a layer that was made by hand. */
  allowHandmade?: boolean | undefined;
  /** The architectures to publish; all of the lock where it is absent. */
  arches?: readonly string[] | undefined;
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

export interface Published extends Attached, Tally {
  name: string;
  /** Of the index where there are several images. */
  manifestDigest: string;
  references: string[];
  images?: { arch: string; manifestDigest: string }[];
}

/**
 * Throws IMAGE_UNBOOTED, IMAGE_NOT_FOUND, REFERENCE_INVALID, KEY_FILE_INVALID, what registries throw, and what
 * verification throws. No tag has moved in these cases.
 */
export async function publish(
  context: Context,
  image: string,
  { allowHandmade = false, arches, to, key, password, plainHttp, only, life }: PublishOptions,
): Promise<Published> {
  const records = await wantedRecords(context.state, image, arches);
  if (!allowHandmade) for (const record of records) refuseHandmade(record);
  const targets = await openTargets(to, { ...context, plainHttp });
  for (const record of records) await passedVerdict(context, record);
  const signing = {
    key: await readPrivateKey(await readKeyText(key), await password(), key),
    layouts: layoutsOf(only),
    life,
  };
  const digests = records.map(({ manifestDigest }) => manifestDigest);
  return inTurn(context, digests, () =>
    records.length === 1
      ? publishImage(context, records[0]!, targets, signing)
      : publishIndex(context, records, targets, signing),
  );
}

/**
 * The images of a name are those of one lock, for all its architectures: an index with a part of them, or with one of a
 * former lock, would take the tag from the clients of the others. Throws IMAGE_NOT_FOUND.
 */
async function wantedRecords(
  state: string,
  image: string,
  arches: readonly string[] | undefined,
): Promise<ImageRecord[]> {
  const found = await findRecords(state, image);
  if (found[0]!.name !== localNameIn(image) && arches === undefined) return found;
  const lead = await findRecord(state, image, arches?.[0]);
  const records: ImageRecord[] = [];
  for (const arch of new Set(arches ?? lead.arches)) {
    const record = await readRecord(state, { name: lead.name, arch });
    if (record?.lockDigest !== lead.lockDigest) throw missingArch(lead, arch, record);
    records.push(record);
  }
  return records;
}

function missingArch(lead: ImageRecord, arch: string, other: ImageRecord | undefined): MillinerError {
  const { name } = lead;
  const which = other ? `is of another lock than that for ${lead.arch}` : 'is not there';
  return new MillinerError('IMAGE_NOT_FOUND', `the image of ${name} for ${arch} ${which}`, {
    hint: `Build and boot it (milliner build ${name} --arch ${arch}, milliner boot ${name} --arch ${arch}). To publish one architecture alone, name it: --arch ${lead.arch}.`,
    details: { name, arch, lockDigest: lead.lockDigest },
  });
}

/** Runs fn while gc may not remove blobs, and no other run of this state signs one of the images. */
export function inTurn<T>(context: Context, digests: readonly Digest[], fn: () => Promise<T>): Promise<T> {
  return context.content.lease(() => withImageLocks(context, digests, fn));
}

async function publishImage(
  context: Context,
  record: ImageRecord,
  targets: Target[],
  signing: Signing,
): Promise<Published> {
  const { image, evidence } = await archImageOf(context, record);
  const signed =
    (await imageSignedBefore(context, image, evidence, targets, recognisedBy(signing))) ??
    (await signImageAt(context, image, evidence, targets, signing));
  // Checked again: the image may have been booted since, and failed.
  await passedVerdict(context, record);
  const published = await tagAll(context, image, targets, signing, signed);
  return { name: record.name, manifestDigest: image.digest, ...published };
}

async function publishIndex(
  context: Context,
  records: readonly ImageRecord[],
  targets: Target[],
  signing: Signing,
): Promise<Published> {
  const archImages: ArchImage[] = [];
  for (const record of records)
    archImages.push({ arch: record.arch, ...(await archImageOf(context, record)) });
  const signed =
    (await indexSignedBefore(context, archImages, targets, recognisedBy(signing))) ??
    (await signIndexAt(context, archImages, targets, signing));
  for (const record of records) await passedVerdict(context, record);
  const index = indexOf(archImages);
  const digests = archImages.map(({ image }) => image.digest);
  await writeIndexRecord(context.state, { digest: index.digest, images: digests });
  const published = await tagAll(context, index, targets, signing, signed, digests);
  const images = archImages.map(({ arch, image }) => ({ arch, manifestDigest: image.digest }));
  return { name: index.name, manifestDigest: index.digest, ...published, images };
}

const recognisedBy = ({ key, layouts, life }: Signing) => ({ publicKey: key.public, layouts, life });

/** Moves the tags to what is signed at the targets, and confirms the records of the moves. */
export async function tagAll(
  context: Context,
  moved: MovedManifest,
  targets: Target[],
  signing: Signing,
  { moves, ...attached }: SignedAt,
  images: readonly Digest[] = [moved.digest],
): Promise<Attached & Tally & { references: string[] }> {
  const references = await moveAllTags(context, moved, targets, { images });
  for (const target of targets) {
    await confirmMoves(context, target, signing.key, moves);
    await rememberTags(context, moved, target, signing);
  }
  return { references, ...attached };
}

/** The label is in the signed configuration, and what is built on such an image has it too. Throws HANDMADE. */
function refuseHandmade({ name, config }: ImageRecord): void {
  const made = config.labels[handmadeLabel];
  if (made === undefined) return;
  throw new MillinerError('HANDMADE', `${name} has a layer that no recipe makes: ${made}`, {
    details: { image: name },
  });
}

/** Called under the lock: the image may have been booted since, and the newest verdict is signed. */
async function archImageOf(context: Context, record: ImageRecord): Promise<Omit<ArchImage, 'arch'>> {
  const verdict = await passedVerdict(context, record);
  const image = await readImage(context, record);
  const evidence: Evidence = { sboms: await sbomBlob(context, record), verdict };
  return { image, evidence };
}

/** Throws IMAGE_UNBOOTED. */
async function passedVerdict({ state }: Context, record: ImageRecord): Promise<Verdict> {
  return requirePassed(await readVerdict(state, record.manifestDigest), record);
}
