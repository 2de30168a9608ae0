/** The images of the state, with their verdicts, and the builds that they replaced. */
import { parseNevra } from '../../lib/rpm/package.ts';
import { compareNevra } from '../../lib/rpm/evr.ts';
import { eachRecord, type ImageRecord } from '../../pipeline/state/image-records.ts';
import { publishedAt } from '../../pipeline/state/publications.ts';
import { readVerdict } from '../../pipeline/state/verdicts.ts';
import type { SiteBuild, SiteImage, SitePackage } from './site-facts.ts';

/** Records are read one at a time, and what no page tells is dropped at once: the list of all changed paths. */
export async function gatherImages(state: string): Promise<SiteImage[]> {
  const images: SiteImage[] = [];
  const former = new Map<string, SiteBuild[]>();
  const packages = new PackageTexts();
  for await (const { record, isFormer } of eachRecord(state)) {
    const build = await buildOf(state, record, packages);
    const id = idOf(record);
    if (isFormer) former.set(id, [...(former.get(id) ?? []), build]);
    else images.push(await imageOf(state, id, record, build));
  }
  for (const image of images) image.former = (former.get(image.id) ?? []).toSorted(newestFirst);
  return images.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

const idOf = ({ name, arch }: Pick<ImageRecord, 'name' | 'arch'>) => `${name}.${arch}`;

function newestFirst(a: SiteBuild, b: SiteBuild): number {
  const [x, y] = [a, b].map((one) => `${timeOf(one)} ${one.digest}`);
  return x! < y! ? 1 : -1;
}

/** When it was booted; two builds of the same packages have the same creation time. */
export function timeOf({ verdict, created }: Pick<SiteBuild, 'verdict' | 'created'>): string {
  return verdict?.finished ?? created;
}

async function imageOf(
  state: string,
  id: string,
  { name, arch, base, lockDigest: lock, config, report }: ImageRecord,
  build: SiteBuild,
): Promise<SiteImage> {
  return {
    ...build,
    id,
    name,
    arch,
    ...(base && { base }),
    lock,
    config,
    build: {
      normalised: report.normalised.length,
      removedKeys: report.removedKeys.length,
      state: report.state.length,
      verification: report.verification.length,
      warnings: report.warnings,
    },
    former: [],
    silentRepositories: [],
    references: await publishedAt(state, build.digest),
  };
}

async function buildOf(state: string, record: ImageRecord, packages: PackageTexts): Promise<SiteBuild> {
  const { manifestDigest: digest, epoch, layers } = record;
  const verdict = await readVerdict(state, digest);
  return {
    digest,
    created: new Date(epoch * 1000).toISOString(),
    layers: layers.map(({ digest: layer, size, recipe, holds }) => ({ digest: layer, size, recipe, holds })),
    packages: packages.of(record.packages),
    ...(verdict && { verdict }),
  };
}

/** Images share most of their packages: each is parsed and kept once. */
class PackageTexts {
  readonly #known = new Map<string, SitePackage | undefined>();

  of(nevras: readonly string[]): SitePackage[] {
    return nevras.flatMap((nevra) => this.#one(nevra) ?? []).toSorted(compareNevra);
  }

  #one(nevra: string): SitePackage | undefined {
    if (!this.#known.has(nevra)) {
      const parsed = parseNevra(nevra);
      this.#known.set(nevra, parsed && { ...parsed, nevra });
    }
    return this.#known.get(nevra);
  }
}
