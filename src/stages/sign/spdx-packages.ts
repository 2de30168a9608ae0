/** The packages of an SPDX 2.3 document: the image, its operating system, its base, each rpm. */
import { createHash } from 'node:crypto';
import { isoTime } from './artifact.ts';
import { imagePurl, scannerName } from './purl.ts';
import type { ListedPackage, SbomFacts } from './sbom.ts';

export const imageId = 'SPDXRef-Image';
const noAssertion = { licenseConcluded: 'NOASSERTION', copyrightText: 'NOASSERTION' };
/** Fields of a package without a list of files. */
export const unanalysed = { filesAnalyzed: false };

export const creatorOf = ({ tool }: SbomFacts) => `Tool: ${tool.name}-${tool.version}`;

export function describeImage({ name, manifestDigest }: Pick<SbomFacts, 'name' | 'manifestDigest'>) {
  return {
    name,
    SPDXID: imageId,
    versionInfo: manifestDigest,
    supplier: 'NOASSERTION',
    downloadLocation: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    ...noAssertion,
    primaryPackagePurpose: 'CONTAINER',
    checksums: [{ algorithm: 'SHA256', checksumValue: manifestDigest.replace('sha256:', '') }],
    externalRefs: [packageManagerReference(imagePurl(name, manifestDigest))],
  };
}

/** With the annotation by which Conforma's policies recognize a base. */
export function describeBase(facts: SbomFacts, base: NonNullable<SbomFacts['base']>) {
  return {
    ...describeImage(base),
    SPDXID: 'SPDXRef-Base',
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
 * Scanners look for the operating system as a package with this kind of identifier (Trivy). The purpose is spelt as in
 * the published JSON schema; the text of the specification has a hyphen.
 */
export function describeSystem({ id, versionId }: NonNullable<SbomFacts['distribution']>) {
  return {
    name: scannerName(id),
    SPDXID: `SPDXRef-OperatingSystem-${id.replaceAll(/[^A-Za-z0-9.-]/g, '-')}`,
    ...(versionId !== '' && { versionInfo: versionId }),
    supplier: 'NOASSERTION',
    downloadLocation: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    ...noAssertion,
    ...unanalysed,
    primaryPackagePurpose: 'OPERATING_SYSTEM',
  };
}

export function describePackage(rpm: ListedPackage, id: string) {
  return {
    name: rpm.name,
    SPDXID: id,
    versionInfo: rpm.evr,
    supplier: rpm.supplier === undefined ? 'NOASSERTION' : `Organization: ${rpm.supplier}`,
    downloadLocation: 'NOASSERTION',
    ...(rpm.homepage !== undefined && { homepage: rpm.homepage }),
    ...(rpm.summary !== '' && { summary: rpm.summary }),
    sourceInfo: sourceInfo(rpm),
    // Trivy reads it here, because advisories about modular packages are for one stream.
    ...(rpm.module !== undefined && { attributionTexts: [`Modularitylabel: ${rpm.module}`] }),
    licenseDeclared: rpm.declared.expression,
    ...noAssertion,
    ...(rpm.buildTime > 0 && { builtDate: isoTime(rpm.buildTime) }),
    ...(rpm.sha256 !== undefined && {
      checksums: [{ algorithm: 'SHA256', checksumValue: rpm.sha256 }],
    }),
    externalRefs: [packageManagerReference(rpm.purl)],
  };
}

/** Scanners read name and version of the source package here, because advisories are about source packages. */
function sourceInfo({ source }: ListedPackage): string {
  if (source === undefined) return 'of an unknown source package';
  const { name, epoch, version, release } = source;
  return `built package from: ${name} ${epoch > 0 ? `${epoch}:` : ''}${version}-${release}`;
}

function packageManagerReference(purl: string) {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl };
}

/** An identifier may contain only letters, digits, dots and hyphens; the hash distinguishes `a+` and `a_`. */
export function packageId(nevra: string): string {
  const hash = createHash('sha256').update(nevra).digest('hex').slice(0, 12);
  return `SPDXRef-Package-${nevra.replaceAll(/[^A-Za-z0-9.-]/g, '-')}-${hash}`;
}
