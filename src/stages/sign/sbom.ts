/**
 * The facts for both SBOM formats: the operating system, the rpms of the image's own database, every regular file, and
 * the base. The same image gives the same facts.
 */
import { isPackage } from '../../lib/rpm/database.ts';
import type { PackageInfo } from '../../lib/rpm/package.ts';
import { declaredLicense, type DeclaredLicense } from './license.ts';
import { rpmPurl, type Distribution } from './purl.ts';

/** Fields of one rpm, all of which an entry of the rpm database has. */
type SbomPackage = Pick<
  PackageInfo,
  | 'name'
  | 'epoch'
  | 'version'
  | 'release'
  | 'arch'
  | 'nevra'
  | 'sourceRpm'
  | 'license'
  | 'vendor'
  | 'url'
  | 'summary'
  | 'buildTime'
> & {
  /** NAME:STREAM:VERSION:CONTEXT of its module. */
  module?: string | undefined;
};

/** A regular file as the image shows it. */
export interface SbomFile {
  /** Without a leading slash. */
  path: string;
  /** Hexadecimal. */
  sha1: string;
  sha256: string;
  /** diffID of its layer. */
  layer: string;
  /** NEVRAs of the packages that own it; empty for files of scriptlets or of the recipe. */
  owners: readonly string[];
}

export interface SbomBase {
  /** From the image's annotations: a recipe, or a reference. */
  name: string;
  manifestDigest: string;
}

export interface SbomInput {
  /** The image's name. */
  name: string;
  manifestDigest: string;
  /** Seconds. */
  epoch: number;
  /** From the rpm database, in any order; public keys are omitted. */
  packages: readonly SbomPackage[];
  /** Hexadecimal sha256 of package files by NEVRA, from the lock. */
  checksums: ReadonlyMap<string, string>;
  /** In any order; `untold`: there are too many for readers of the documents. */
  files: readonly SbomFile[] | 'untold';
  /** The distribution of the packages: without it scanners ignore them. */
  distribution?: Distribution | undefined;
  base?: SbomBase | undefined;
  tool: { name: string; version: string };
}

export interface ListedPackage extends SbomPackage {
  purl: string;
  /** [epoch:]version-release */
  evr: string;
  declared: DeclaredLicense;
  supplier?: string;
  homepage?: string;
  sha256?: string;
  source?: { name: string; epoch: number; version: string; release: string };
}

export interface SbomFacts extends Omit<SbomInput, 'packages' | 'checksums'> {
  /** By NEVRA. */
  packages: ListedPackage[];
  /** By path. */
  files: readonly SbomFile[] | 'untold';
}

export function sbomFacts({ packages, checksums, files, ...image }: SbomInput): SbomFacts {
  const rpms = packages.filter(isPackage).toSorted((a, b) => (a.nevra < b.nevra ? -1 : 1));
  const listed = rpms.map((rpm) => listPackage(rpm, image.distribution, checksums.get(rpm.nevra)));
  const sorted = files === 'untold' ? files : files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return { ...image, packages: listed, files: sorted };
}

function listPackage(
  rpm: SbomPackage,
  distribution: Distribution | undefined,
  sha256: string | undefined,
): ListedPackage {
  const supplier = rpm.vendor.trim();
  const source = sourceOf(rpm);
  return {
    ...rpm,
    purl: rpmPurl(distribution, rpm),
    evr: `${rpm.epoch > 0 ? `${rpm.epoch}:` : ''}${rpm.version}-${rpm.release}`,
    declared: declaredLicense(rpm.license),
    ...(supplier !== '' && { supplier }),
    ...(isHomepage(rpm.url) && { homepage: rpm.url }),
    ...(sha256 !== undefined && { sha256 }),
    ...(source && { source }),
  };
}

function sourceOf({ sourceRpm, epoch }: SbomPackage): ListedPackage['source'] {
  const [, name, version, release] = /^(.+)-([^-]+)-([^-]+)\.(?:no)?src\.rpm$/.exec(sourceRpm) ?? [];
  if (name === undefined || version === undefined || release === undefined) return undefined;
  // A header does not record the epoch of its source: it is the package's own, unless a subpackage sets another.
  return { name, epoch, version, release };
}

function isHomepage(url: string): boolean {
  return /^https?:\/\//.test(url) && URL.canParse(url) && !/\s/.test(url);
}
