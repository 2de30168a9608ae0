/**
 * The image's bill of materials as an SPDX 2.3 document in JSON (https://spdx.github.io/spdx-spec/v2.3/): one package
 * for each rpm of the image's own database, and the image that contains them. The same image, the same bytes.
 */
import { createHash } from 'node:crypto';
import type { PackageInfo } from '../rpm/package.ts';
import { isoTime } from './artifact.ts';
import { declaredLicense, type ExtractedLicense } from './license.ts';
import { imagePurl, rpmPurl, type Distribution } from './purl.ts';

/** What the document says of one rpm; an entry of the rpm database has all of it. */
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
  /** Who built it, where no vendor stands by it. */
  packager?: string | undefined;
};

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
  /** Whose packages they are: without it no scanner looks at them. */
  distribution?: Distribution | undefined;
  /** `milliner-VERSION` */
  tool: string;
}

export interface SpdxDocument {
  spdxVersion: 'SPDX-2.3';
  documentNamespace: string;
  packages: object[];
  [field: string]: unknown;
}

const imageId = 'SPDXRef-Image';
const unknown = { licenseConcluded: 'NOASSERTION', copyrightText: 'NOASSERTION', filesAnalyzed: false };

export function makeSbom(input: SbomInput): SpdxDocument {
  const rpms = input.packages.filter(isSoftware).toSorted((a, b) => (a.nevra < b.nevra ? -1 : 1));
  const licenses = rpms.map(({ license }) => declaredLicense(license));
  const packages = rpms.map((rpm, index) => describePackage(rpm, licenses[index]!.expression, input));
  const systems = input.distribution ? [describeSystem(input.distribution)] : [];
  const content = {
    spdxVersion: 'SPDX-2.3' as const,
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${input.name}@${input.manifestDigest}`,
    creationInfo: { created: isoTime(input.epoch), creators: [`Tool: ${input.tool}`] },
    packages: [describeImage(input), ...systems, ...packages],
    relationships: [
      relation('SPDXRef-DOCUMENT', 'DESCRIBES', imageId),
      ...systems.flatMap(({ SPDXID }) => [
        relation('SPDXRef-DOCUMENT', 'DESCRIBES', SPDXID),
        relation(imageId, 'CONTAINS', SPDXID),
      ]),
      ...packages.map(({ SPDXID }) => relation(imageId, 'CONTAINS', SPDXID)),
    ],
    ...extracted(licenses.flatMap((license) => license.extracted)),
  };
  return { ...content, documentNamespace: namespaceOf(input.name, content) };
}

/** The database also holds the public keys that rpm trusts, as packages without an architecture. */
function isSoftware({ name, arch }: SbomPackage): boolean {
  return !(name === 'gpg-pubkey' && arch === '');
}

function describeImage({ name, manifestDigest }: SbomInput) {
  return {
    name,
    SPDXID: imageId,
    versionInfo: manifestDigest,
    supplier: 'NOASSERTION',
    downloadLocation: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    ...unknown,
    primaryPackagePurpose: 'CONTAINER',
    checksums: [{ algorithm: 'SHA256', checksumValue: manifestDigest.replace('sha256:', '') }],
    externalRefs: [packageManagerReference(imagePurl(name, manifestDigest))],
  };
}

/** Scanners look for the operating system as a package of this kind of name (Trivy). */
function describeSystem({ id, versionId }: Distribution) {
  return {
    name: id,
    SPDXID: `SPDXRef-OperatingSystem-${id.replaceAll(/[^A-Za-z0-9.-]/g, '-')}`,
    ...(versionId !== '' && { versionInfo: versionId }),
    supplier: 'NOASSERTION',
    downloadLocation: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    ...unknown,
    primaryPackagePurpose: 'OPERATING-SYSTEM',
  };
}

function describePackage(rpm: SbomPackage, license: string, { checksums, distribution }: SbomInput) {
  const checksum = checksums.get(rpm.nevra);
  return {
    name: rpm.name,
    SPDXID: packageId(rpm.nevra),
    versionInfo: `${rpm.epoch > 0 ? `${rpm.epoch}:` : ''}${rpm.version}-${rpm.release}`,
    supplier: supplierOf(rpm),
    downloadLocation: 'NOASSERTION',
    ...(isHomepage(rpm.url) && { homepage: rpm.url }),
    ...(rpm.summary !== '' && { summary: rpm.summary }),
    sourceInfo: sourceOf(rpm),
    licenseDeclared: license,
    ...unknown,
    ...(rpm.buildTime > 0 && { builtDate: isoTime(rpm.buildTime) }),
    ...(checksum !== undefined && {
      checksums: [{ algorithm: 'SHA256', checksumValue: checksum }],
    }),
    externalRefs: [packageManagerReference(rpmPurl(distribution, rpm))],
  };
}

/** Scanners read the name and version of the source here, where advisories are about sources. */
function sourceOf({ sourceRpm, epoch }: SbomPackage): string {
  const [, name, version] = /^(.+)-([^-]+-[^-]+)\.(?:no)?src\.rpm$/.exec(sourceRpm) ?? [];
  if (name === undefined) return 'of an unknown source package';
  // The header has no epoch of it: it is the one of the spec file, unless a subpackage has its own.
  return `built package from: ${name} ${epoch > 0 ? `${epoch}:` : ''}${version}`;
}

function supplierOf({ vendor, packager = '' }: SbomPackage): string {
  const name = vendor.trim() || packager.trim();
  return name === '' ? 'NOASSERTION' : `Organization: ${name}`;
}

function packageManagerReference(purl: string) {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl };
}

/** Letters, digits, dots and hyphens are all that an identifier may have: the hash keeps `a+` and `a_` apart. */
function packageId(nevra: string): string {
  const hash = createHash('sha256').update(nevra).digest('hex').slice(0, 12);
  return `SPDXRef-Package-${nevra.replaceAll(/[^A-Za-z0-9.-]/g, '-')}-${hash}`;
}

function isHomepage(url: string): boolean {
  return /^https?:\/\//.test(url) && URL.canParse(url) && !/\s/.test(url);
}

function relation(from: string, type: string, to: string) {
  return { spdxElementId: from, relationshipType: type, relatedSpdxElement: to };
}

function extracted(licenses: ExtractedLicense[]) {
  const unique = new Map(licenses.map((license) => [license.licenseId, license]));
  const sorted = [...unique.values()].toSorted((a, b) => (a.licenseId < b.licenseId ? -1 : 1));
  return sorted.length > 0 ? { hasExtractedLicensingInfos: sorted } : {};
}

/** Documents with one namespace must be one document; with the content's own digest in it, they are. */
function namespaceOf(name: string, content: object): string {
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  return `https://spdx.org/spdxdocs/${encodeURIComponent(name)}-${digest}`;
}
