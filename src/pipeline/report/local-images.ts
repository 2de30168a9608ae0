/** For `images`: the images of this state. */
import type { Digest } from '../../lib/oci/digest.ts';
import { parseNevra } from '../../lib/rpm/package.ts';
import { listRecords, type ImageRecord } from '../state/image-records.ts';
import { publishedAt } from '../state/publications.ts';
import { readVerdict } from '../state/verdicts.ts';
import type { CarriedPackage, Examine } from './carried-packages.ts';

export interface LocalImage {
  name: string;
  arch: string;
  digest: Digest;
  /** ISO 8601. */
  created: string;
  /** Number of packages, those of the base included. */
  packages: number;
  /** Bytes of all layers, compressed. */
  size: number;
  /** Name of the base in this state, or its digest. */
  base?: string;
  verdict: 'passed' | 'failed' | 'missing';
  /** Where this state has published it. */
  references: string[];
  /** What the question is about; absent without one. */
  carries?: CarriedPackage[];
}

/** Sorted by name. With a question only the images that carry what it is about. */
export async function listLocal(state: string, examine: Examine | undefined): Promise<LocalImage[]> {
  const records = await listRecords(state);
  const names = new Map(records.map(({ manifestDigest, name }) => [manifestDigest, name]));
  const images: LocalImage[] = [];
  for (const record of records) {
    const packages = record.packages.flatMap((text) => parseNevra(text) ?? []);
    const carries = await examine?.(packages);
    if (carries?.length === 0) continue;
    images.push({ ...(await describeLocal(state, record, names)), ...(carries && { carries }) });
  }
  return images.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function describeLocal(
  state: string,
  { name, arch, manifestDigest: digest, epoch, packages, layers, base }: ImageRecord,
  names: ReadonlyMap<Digest, string>,
): Promise<LocalImage> {
  const verdict = await readVerdict(state, digest);
  return {
    name,
    arch,
    digest,
    created: new Date(epoch * 1000).toISOString(),
    packages: packages.length,
    size: layers.reduce((sum, { size }) => sum + size, 0),
    ...(base && { base: names.get(base) ?? base }),
    verdict: verdict === undefined ? 'missing' : verdict.passed ? 'passed' : 'failed',
    references: await publishedAt(state, digest),
  };
}
