/**
 * What an image is made of, as both bills of materials tell it: the operating system, the rpms of the image's own
 * database, every regular file, and the base. The writers differ in form alone. The same image, the same facts.
 */
import { isPackage } from '../../lib/rpm/database.ts';
import type { PackageInfo } from '../../lib/rpm/package.ts';
import { declaredLicense, type DeclaredLicense } from './license.ts';
import { rpmPurl, type Distribution } from './purl.ts';

/** What is told of one rpm; an entry of the rpm database has all of it. */
export type SbomPackage = Pick<
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
  /** NAME:STREAM:VERSION:CONTEXT of the module that it is of. */
  module?: string | undefined;
};

/** A regular file as the image shows it. */
export interface SbomFile {
  /** Without a leading slash. */
  path: string;
  /** Hexadecimal. */
  sha1: string;
  sha256: string;
  /** diffID of the layer that holds it. */
  layer: string;
  /** NEVRAs of the packages that own it; none where scriptlets or people made it. */
  owners: readonly string[];
}

export interface SbomBase {
  /** As the image's annotations have it: a recipe, or a reference. */
  name: string;
  manifestDigest: string;
}

export interface SbomInput {
  /** The image's name. */
  name: string;
  manifestDigest: string;
  /** Seconds. */
  epoch: number;
  /** Of the rpm database, in any order; public keys are left out. */
  packages: readonly SbomPackage[];
  /** Hexadecimal sha256 of package files by NEVRA, as the lock has them. */
  checksums: ReadonlyMap<string, string>;
  /** In any order; `untold`: there are more than a reader of the documents takes. */
  files: readonly SbomFile[] | 'untold';
  /** Whose packages they are: without it no scanner looks at them. */
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
  // The header has no epoch of it: it is the one of the spec file, unless a subpackage has its own.
  return { name, epoch, version, release };
}

function isHomepage(url: string): boolean {
  return /^https?:\/\//.test(url) && URL.canParse(url) && !/\s/.test(url);
}
