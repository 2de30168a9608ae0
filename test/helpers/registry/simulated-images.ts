/** Images as `publish` puts them into a registry, made in a moment, and published at any time. */
import { gzipSync } from 'node:zlib';
import { indexType, manifestType, type Descriptor } from '../../../src/lib/oci/descriptor.ts';
import { sha256Of, type Digest } from '../../../src/lib/oci/digest.ts';
import type { RegistryClient } from '../../../src/lib/registry/client.ts';
import { attach } from '../../../src/pipeline/publish/attach.ts';
import { layouts as bothLayouts, type Layout } from '../../../src/pipeline/trust/fetch-signatures.ts';
import type { SigningKey } from '../../../src/stages/sign/key.ts';
import { signImage } from '../../../src/stages/sign/sign-image.ts';
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
export async function pushImage(place: Simulated, content: string): Promise<Descriptor> {
  const config = await push(
    place,
    'application/vnd.oci.image.config.v1+json',
    json({
      architecture: 'amd64',
      os: 'linux',
      config: { Labels: { content } },
      rootfs: { type: 'layers', diff_ids: [sha256Of(tar)] },
    }),
  );
  const layers = [await push(place, 'application/vnd.oci.image.layer.v1.tar+gzip', layer)];
  return putManifest(place, manifestType, { config, layers });
}

export async function pushIndex(place: Simulated, manifests: readonly Descriptor[]): Promise<Descriptor> {
  return putManifest(place, indexType, { manifests });
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
  const { client, name, repository, key } = place;
  const { digest } = image;
  const issued = Math.floor(time / 1000);
  const references = tags.map((tag) => `${name}:${tag}`);
  const signed = signImage(key, {
    image,
    references,
    sboms: emptySboms('app', digest, issued),
    verdict: { manifestDigest: digest, passed: true, checks: [], plan: { init: true } },
    standings: references.map((reference) => ({
      reference,
      number: time,
      issued,
      expires: issued + validDays * 86_400,
    })),
    epoch: issued,
  });
  const tally = { uploadedBytes: 0, mountedBlobs: 0, skippedBlobs: 0 };
  await attach({ client, repository, digest }, key.public, signed, layouts, tally);
  await tagImage(place, digest, tags);
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
