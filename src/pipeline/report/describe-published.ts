/** What the key has signed of a published image, and of the tag that names it. */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { Manifest } from '../../lib/registry/manifests.ts';
import { refuseAltered } from '../../stages/sign/artifact.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import { heldOf, type Held } from '../../stages/sign/tag-hold.ts';
import { readJson } from '../../stages/sign/untrusted-json.ts';
import type { RunOptions } from '../state/context.ts';
import type { Repository } from '../trust/repositories-by-name.ts';
import { newestPage } from '../trust/tag-history.ts';
import type { CarriedPackage, Examine } from './carried-packages.ts';
import { readContents, type PublishedVerdict } from './image-contents.ts';

export interface DescribedImage {
  /** ISO 8601. */
  created?: string;
  packages?: number;
  /** Bytes of all layers, compressed. */
  size?: number;
  base?: string;
  verdict?: PublishedVerdict;
  carries?: CarriedPackage[];
}

const manifestSchema = z.object({
  layers: z.array(z.object({ size: z.int().nonnegative() })).max(1000),
  annotations: z.record(z.string(), z.string()).nullish(),
});

/** Throws IMAGE_ALTERED, IMAGE_REVOKED, and what registries throw. */
export async function describe(
  { client, repository }: Repository,
  digest: Digest,
  key: PublicKey,
  examine: Examine | undefined,
): Promise<DescribedImage> {
  const manifest = await client.getManifest(repository, digest);
  if (!manifest) throw new MillinerError('IMAGE_ALTERED', `the repository has no image ${digest}`);
  const { packages, verdict, revoked } = await readContents({ client, repository, digest }, key);
  if (revoked) throw new MillinerError('IMAGE_REVOKED', `${digest} was revoked`);
  const carries = await examine?.(packages);
  return {
    ...describeManifest(manifest),
    packages: packages.length,
    verdict,
    ...(carries && { carries }),
  };
}

/** The manifest is what was signed: its digest is checked when it is read. */
function describeManifest({ bytes, digest }: Manifest): DescribedImage {
  const { layers, annotations } = readJson(bytes, manifestSchema, refuseAltered(digest));
  const annotation = (name: string) => annotations?.[`org.opencontainers.image.${name}`];
  const [created, base] = [annotation('created'), annotation('base.name')];
  return {
    ...(created !== undefined && { created }),
    size: layers.reduce((sum, { size }) => sum + size, 0),
    ...(base !== undefined && { base }),
  };
}

/** What stops publishers from moving the tag, by its newest record. Throws HISTORY_ALTERED, STATE_INVALID, and what registries throw. */
export async function heldAt(
  { client, name, repository }: Repository,
  tag: string,
  key: PublicKey,
  { state, progress }: Pick<RunOptions, 'state' | 'progress'>,
): Promise<Held | undefined> {
  const warn = (sentence: string) => progress.warn(sentence);
  const place = { client, repository, tag, reference: `${name}:${tag}` };
  const newest = await newestPage(place, { state, key, warn });
  return heldOf(newest?.latest, Date.now() / 1000);
}
