/**
 * Verifies what a reference names: an image, or an index with the images that it names. The signature of the index says which images it names; each of them must be signed
 * and booted on its own, for its platform, from one recipe.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import { indexType } from '../../lib/oci/descriptor.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { invalidIndex, readImageIndex, type IndexedImage } from '../../lib/oci/image-index.ts';
import type { Manifest } from '../../lib/registry/manifests.ts';
import { readManifest } from '../../stages/image/foreign-image.ts';
import { fitOf, platformOf, readPlatform, showPlatform, type Platform } from '../../stages/image/platform.ts';
import { asAltered, type Layout, type PublishedImage } from './fetch-signatures.ts';
import type { FoundImage } from './image-source.ts';
import { prove, type Proof } from './proofs.ts';
import { isStack } from './stack-artifact.ts';
import { statedOf, type StandingOptions } from './standings.ts';

export interface VerifiedImage {
  /** As OCI writes it: linux/amd64. */
  platform: string;
  manifestDigest: Digest;
  proved: Proof[];
}

interface Expected {
  layouts: readonly Layout[];
  allowUnnamed: boolean;
  /** The signed reference, which an image has from the index that names it. */
  reference: string;
  /** The one architecture to verify; all where it is absent. */
  arch: string | undefined;
}

interface Found {
  proved: Proof[];
  /** The images of an index. */
  images?: VerifiedImage[];
}

type Place = Pick<FoundImage, 'client' | 'repository'>;

/** A configuration has a line for each layer, and labels. */
const maxConfigBytes = 8 * 1024 * 1024;

/** Throws INDEX_INVALID, IMAGE_UNPUBLISHED, SIGNATURE_MISSING and the others of `bySeverity`. */
export async function proveFound(
  found: FoundImage,
  expected: Expected & { revokedVerdicts: ReadonlySet<string> },
  options: StandingOptions,
): Promise<Found> {
  const { client, repository, manifest } = found;
  const { layouts, allowUnnamed, revokedVerdicts, reference, arch } = expected;
  const image = { client, repository, digest: manifest.digest };
  const isIndex = manifest.mediaType === indexType;
  const of = isIndex ? 'index' : isStack(manifest.bytes) ? 'stack' : 'image';
  const proofOptions = { of, allowUnnamed, revokedVerdicts } as const;
  const { proved } = await prove(image, options.key, layouts, [reference], proofOptions);
  if (isIndex) return { proved, images: await proveImagesOf(found, expected, options) };
  if (arch !== undefined && of === 'image') await requireArch(found, reference, arch);
  return { proved };
}

async function proveImagesOf(
  { client, repository, manifest }: FoundImage,
  expected: Expected,
  options: StandingOptions,
): Promise<VerifiedImage[]> {
  const { reference, layouts, allowUnnamed, arch } = expected;
  const all = readImageIndex(reference, manifest.bytes);
  const chosen = arch === undefined ? all : [imageFor(arch, all, reference)];
  const recipes = new Set<string>();
  const verified: VerifiedImage[] = [];
  for (const one of chosen) {
    const image = { client, repository, digest: one.digest };
    await requireDescribed(image, one, reference);
    const { revokedVerdicts } = await statedOf(image, layouts, options);
    const proofOptions = { of: 'image' as const, allowUnnamed, revokedVerdicts };
    const proofs = await prove(image, options.key, layouts, [reference], proofOptions);
    if (proofs.recipes.length === 0)
      throw invalidIndex(reference, `the verdict of ${one.digest} names no recipe`);
    for (const recipe of proofs.recipes) recipes.add(recipe);
    verified.push({
      platform: showPlatform(one.platform),
      manifestDigest: one.digest,
      proved: proofs.proved,
    });
  }
  if (recipes.size > 1)
    throw invalidIndex(reference, `its images are of several recipes: ${[...recipes].join(', ')}`);
  return verified;
}

/** An image that is named alone must be for the architecture, too. Throws IMAGE_UNPUBLISHED. */
async function requireArch(found: FoundImage, reference: string, arch: string): Promise<void> {
  const platform = await platformAt(found, found.manifest, reference);
  if (platform === undefined || fitOf(platform, arch) === undefined)
    throw lacking(reference, arch, platform ? [platform] : []);
}

/** The image that a client of the architecture takes. Throws IMAGE_UNPUBLISHED. */
function imageFor(arch: string, images: readonly IndexedImage[], reference: string): IndexedImage {
  const fitting = images.flatMap((image) => {
    const fit = fitOf(image.platform, arch);
    return fit === undefined ? [] : [{ image, fit }];
  });
  const [best] = fitting.toSorted((a, b) => b.fit - a.fit);
  if (best) return best.image;
  throw lacking(
    reference,
    arch,
    images.map(({ platform }) => platform),
  );
}

function lacking(reference: string, arch: string, there: readonly Platform[]): MillinerError {
  const wanted = showPlatform({ os: 'linux', ...platformOf(arch) });
  const shown = there.map(showPlatform).join(', ') || 'none';
  return new MillinerError('IMAGE_UNPUBLISHED', `${reference} has no image for ${wanted}, but ${shown}`, {
    details: { reference, arch },
  });
}

/** A client picks by what the index says of an image, and runs what the image is. Throws INDEX_INVALID. */
async function requireDescribed(
  { client, repository, digest }: PublishedImage,
  { mediaType, size, platform }: IndexedImage,
  reference: string,
): Promise<void> {
  const manifest = await asAltered(() => client.getManifest(repository, digest));
  if (!manifest) {
    throw new MillinerError('IMAGE_UNPUBLISHED', `${reference} names ${digest}, which is not there`, {
      details: { reference, digest },
    });
  }
  if (manifest.bytes.length !== size || manifest.mediaType !== mediaType)
    throw invalidIndex(reference, `it gives another size or media type of ${digest}`);
  const own = await platformAt({ client, repository }, manifest, reference);
  if (own === undefined || showPlatform(own) !== showPlatform(platform)) {
    const said = own ? showPlatform(own) : 'no platform';
    throw invalidIndex(reference, `${digest} is of ${said}, not of ${showPlatform(platform)}`);
  }
}

async function platformAt(
  { client, repository }: Place,
  { mediaType, bytes }: Manifest,
  reference: string,
): Promise<Platform | undefined> {
  const { config } = readManifest(reference, mediaType, bytes);
  const found = await asAltered(() => client.getBlob(repository, config.digest, maxConfigBytes));
  return found && readPlatform(found);
}
