/**
 * The bill of materials as an SPDX 2.3 document in JSON (https://spdx.github.io/spdx-spec/v2.3/): a package for the
 * image, its operating system, its base and each rpm, and a file for each regular file.
 */
import { createHash } from 'node:crypto';
import { isoTime } from './artifact.ts';
import type { ExtractedLicense } from './license.ts';
import { imagePurl, scannerName } from './purl.ts';
import type { ListedPackage, SbomFacts } from './sbom.ts';
import { describeFiles, type AnalysedPackage } from './spdxfiles.ts';

export interface SpdxDocument {
  spdxVersion: 'SPDX-2.3';
  documentNamespace: string;
  packages: object[];
  [field: string]: unknown;
}

const documentId = 'SPDXRef-DOCUMENT';
const imageId = 'SPDXRef-Image';
const baseId = 'SPDXRef-Base';
const unknown = { licenseConcluded: 'NOASSERTION', copyrightText: 'NOASSERTION' };
const unanalysed = { filesAnalyzed: false };

export function spdxDocument(facts: SbomFacts): SpdxDocument {
  const ids = new Map(facts.packages.map(({ nevra }) => [nevra, packageId(nevra)]));
  const files = facts.files === 'untold' ? undefined : describeFiles(facts.files, ids, imageId);
  const analysed = (id: string): AnalysedPackage | typeof unanalysed => files?.analysed.get(id) ?? unanalysed;
  const packages = facts.packages.map((rpm) => {
    const id = ids.get(rpm.nevra)!;
    return { ...describePackage(rpm, id), ...analysed(id) };
  });
  const systems = facts.distribution ? [describeSystem(facts.distribution)] : [];
  const bases = facts.base ? [describeBase(facts, facts.base)] : [];
  const content = {
    spdxVersion: 'SPDX-2.3' as const,
    dataLicense: 'CC0-1.0',
    SPDXID: documentId,
    name: `${facts.name}@${facts.manifestDigest}`,
    ...(facts.files === 'untold' && { comment: 'The files of the image are too many to be listed.' }),
    creationInfo: { created: isoTime(facts.epoch), creators: [creatorOf(facts)] },
    packages: [{ ...describeImage(facts), ...analysed(imageId) }, ...systems, ...bases, ...packages],
    ...(files && { files: files.files }),
    relationships: [
      relation(documentId, 'DESCRIBES', imageId),
      ...systems.flatMap(({ SPDXID }) => [
        relation(documentId, 'DESCRIBES', SPDXID),
        relation(imageId, 'CONTAINS', SPDXID),
      ]),
      ...bases.map(({ SPDXID }) => relation(imageId, 'DESCENDANT_OF', SPDXID)),
      ...packages.map(({ SPDXID }) => relation(imageId, 'CONTAINS', SPDXID)),
      ...(files?.contained ?? []).map(([owner, file]) => relation(owner, 'CONTAINS', file)),
    ],
    ...extracted(facts.packages.flatMap(({ declared }) => declared.extracted)),
  };
  return { ...content, documentNamespace: namespaceOf(facts.name, content) };
}

const creatorOf = ({ tool }: SbomFacts) => `Tool: ${tool.name}-${tool.version}`;

function describeImage({ name, manifestDigest }: Pick<SbomFacts, 'name' | 'manifestDigest'>) {
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

/** With the annotation by which Conforma's policies know a base. */
function describeBase(facts: SbomFacts, base: NonNullable<SbomFacts['base']>) {
  return {
    ...describeImage(base),
    SPDXID: baseId,
    ...unanalysed,
    annotations: [
      {
        annotationDate: isoTime(facts.epoch),
        annotationType: 'OTHER',
        annotator: creatorOf(facts),
        comment: JSON.stringify({ name: 'konflux:container:is_base_image', value: 'true' }),
      },
    ],
  };
}

/**
 * Scanners look for the operating system as a package of this kind of identifier (Trivy). The purpose is spelt as the
 * published JSON schema has it; the text of the specification has a hyphen.
 */
function describeSystem({ id, versionId }: NonNullable<SbomFacts['distribution']>) {
  return {
    name: scannerName(id),
    SPDXID: `SPDXRef-OperatingSystem-${id.replaceAll(/[^A-Za-z0-9.-]/g, '-')}`,
    ...(versionId !== '' && { versionInfo: versionId }),
    supplier: 'NOASSERTION',
    downloadLocation: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    ...unknown,
    ...unanalysed,
    primaryPackagePurpose: 'OPERATING_SYSTEM',
  };
}

function describePackage(rpm: ListedPackage, id: string) {
  return {
    name: rpm.name,
    SPDXID: id,
    versionInfo: rpm.evr,
    supplier: rpm.supplier === undefined ? 'NOASSERTION' : `Organization: ${rpm.supplier}`,
    downloadLocation: 'NOASSERTION',
    ...(rpm.homepage !== undefined && { homepage: rpm.homepage }),
    ...(rpm.summary !== '' && { summary: rpm.summary }),
    sourceInfo: sourceInfo(rpm),
    licenseDeclared: rpm.declared.expression,
    ...unknown,
    ...(rpm.buildTime > 0 && { builtDate: isoTime(rpm.buildTime) }),
    ...(rpm.sha256 !== undefined && {
      checksums: [{ algorithm: 'SHA256', checksumValue: rpm.sha256 }],
    }),
    externalRefs: [packageManagerReference(rpm.purl)],
  };
}

/** Scanners read the name and version of the source here, where advisories are about sources. */
function sourceInfo({ source }: ListedPackage): string {
  if (source === undefined) return 'of an unknown source package';
  const { name, epoch, version, release } = source;
  return `built package from: ${name} ${epoch > 0 ? `${epoch}:` : ''}${version}-${release}`;
}

function packageManagerReference(purl: string) {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl };
}

/** Letters, digits, dots and hyphens are all that an identifier may have: the hash keeps `a+` and `a_` apart. */
function packageId(nevra: string): string {
  const hash = createHash('sha256').update(nevra).digest('hex').slice(0, 12);
  return `SPDXRef-Package-${nevra.replaceAll(/[^A-Za-z0-9.-]/g, '-')}-${hash}`;
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
