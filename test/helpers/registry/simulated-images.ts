/** Images as `publish` puts them into a registry, made in a moment, and published at any time. */
import { gzipSync } from 'node:zlib';
import { manifestType, type Descriptor } from '../../../src/lib/oci/descriptor.ts';
import { sha256Of, type Digest } from '../../../src/lib/oci/digest.ts';
import { makeImageIndex, type IndexedImage } from '../../../src/lib/oci/image-index.ts';
import type { RegistryClient } from '../../../src/lib/registry/client.ts';
import { attach } from '../../../src/pipeline/publish/attach.ts';
import { layouts as bothLayouts, type Layout } from '../../../src/pipeline/trust/fetch-signatures.ts';
import type { SigningKey } from '../../../src/stages/sign/key.ts';
import {
  signImage,
  signTags,
  type SignedImage,
  type TagSignInput,
} from '../../../src/stages/sign/sign-image.ts';
import type { Standing } from '../../../src/stages/sign/standing.ts';
import { emptySboms } from '../empty-sboms.ts';

export interface Simulated {
  client: RegistryClient;
  /** HOST/REPOSITORY */
  name: string;
  repository: string;
  key: SigningKey;
}

export interface Publication {
  tags: readonly string[];
  /** Milliseconds since 1970. */
  time: number;
  layouts?: readonly Layout[];
}

const tar = Buffer.alloc(1024);
const layer = gzipSync(tar);
/** Days that a statement holds, longer than any test looks back. */
const validDays = 800;

async function push(
  { client, repository }: Simulated,
  mediaType: string,
  bytes: Buffer,
): Promise<Descriptor> {
  const descriptor = { mediaType, digest: sha256Of(bytes), size: bytes.length };
  await client.pushBlob(repository, { ...descriptor, content: { bytes } });
  return descriptor;
}

const json = (value: object) => Buffer.from(JSON.stringify(value));

/** Pushes an image without a tag or a signature; the same content is the same image. */
export async function pushImage(
  place: Simulated,
  content: string,
  architecture = 'amd64',
): Promise<Descriptor> {
  const config = await push(
    place,
    'application/vnd.oci.image.config.v1+json',
    json({
      architecture,
      os: 'linux',
      config: { Labels: { content } },
      rootfs: { type: 'layers', diff_ids: [sha256Of(tar)] },
    }),
  );
  const layers = [await push(place, 'application/vnd.oci.image.layer.v1.tar+gzip', layer)];
  return putManifest(place, manifestType, { config, layers });
}

/** An index of an image for amd64 and one for arm64. */
export async function pushIndex(
  { client, repository }: Simulated,
  images: readonly [Descriptor, Descriptor],
): Promise<Descriptor> {
  const manifests = images.map(({ digest, size }, index): IndexedImage => {
    const architecture = ['amd64', 'arm64'][index]!;
    return { mediaType: manifestType, digest, size, platform: { architecture, os: 'linux' } };
  });
  const { bytes, digest, mediaType } = makeImageIndex(manifests);
  await client.putManifest(repository, digest, bytes, mediaType);
  return { mediaType, digest, size: bytes.length };
}

async function putManifest(
  { client, repository }: Simulated,
  mediaType: string,
  fields: object,
): Promise<Descriptor> {
  const bytes = json({ schemaVersion: 2, mediaType, ...fields });
  const digest = sha256Of(bytes);
  await client.putManifest(repository, digest, bytes, mediaType);
  return { mediaType, digest, size: bytes.length };
}

/** Signs what is there, states its tags, and moves them. */
export async function publishAt(
  place: Simulated,
  image: Descriptor,
  { tags, time, layouts = bothLayouts }: Publication,
): Promise<void> {
  const claims = { ...claimsOf(place, image, tags, time), standings: standingsAt(place, tags, time) };
  await attachTo(place, image, signWithEvidence(place, claims), layouts);
  await tagImage(place, image.digest, tags);
}

/** As publishAt, with the images of the index: they are signed for its tags, and it alone has statements of them. */
export async function publishIndexAt(
  place: Simulated,
  index: Descriptor,
  images: readonly Descriptor[],
  { tags, time, layouts = bothLayouts }: Publication,
): Promise<void> {
  for (const image of images) {
    const claims = { ...claimsOf(place, image, tags, time), standings: [] };
    await attachTo(place, image, signWithEvidence(place, claims), layouts);
  }
  const claims = { ...claimsOf(place, index, tags, time), standings: standingsAt(place, tags, time) };
  await attachTo(place, index, signTags(place.key, claims), layouts);
  await tagImage(place, index.digest, tags);
}

function claimsOf({ name }: Simulated, image: Descriptor, tags: readonly string[], time: number) {
  return { image, references: tags.map((tag) => `${name}:${tag}`), epoch: Math.floor(time / 1000) };
}

function standingsAt({ name }: Simulated, tags: readonly string[], time: number): Standing[] {
  const issued = Math.floor(time / 1000);
  const expires = issued + validDays * 86_400;
  return tags.map((tag) => ({ reference: `${name}:${tag}`, number: time, issued, expires }));
}

function signWithEvidence({ key }: Simulated, claims: TagSignInput): SignedImage {
  const { digest } = claims.image;
  const verdict = { name: 'app', manifestDigest: digest, passed: true, checks: [], plan: { init: true } };
  return signImage(key, { ...claims, sboms: emptySboms('app', digest, claims.epoch), verdict });
}

async function attachTo(
  { client, repository, key }: Simulated,
  { digest }: Descriptor,
  signed: SignedImage,
  layouts: readonly Layout[],
): Promise<void> {
  const tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
  await attach({ client, repository, digest }, key.public, signed, layouts, tally);
}

/** Without a word of the key. */
export async function tagImage(
  { client, repository }: Simulated,
  digest: Digest,
  tags: readonly string[],
): Promise<void> {
  const { bytes, mediaType } = (await client.getManifest(repository, digest))!;
  for (const tag of tags) await client.putManifest(repository, tag, bytes, mediaType);
}
