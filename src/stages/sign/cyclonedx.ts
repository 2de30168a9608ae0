/**
 * The SBOM as a CycloneDX 1.6 document in JSON (https://cyclonedx.org/docs/1.6/json/): the image as its subject, the
 * operating system, each rpm with its files, and the files that no package owns. It does not use
 * @cyclonedx/cyclonedx-library, which makes four objects for each file of a hundred thousand, and does not support the
 * pedigree that describes the base. Tests validate the document with that library.
 */
import { createHash } from 'node:crypto';
import { isoTime } from './artifact.ts';
import { imagePurl, scannerName } from './purl.ts';
import type { ListedPackage, SbomFacts, SbomFile } from './sbom.ts';

export interface CycloneDxDocument {
  bomFormat: 'CycloneDX';
  specVersion: '1.6';
  serialNumber: string;
  components: object[];
  [field: string]: unknown;
}

const trivy = (name: string, value: string) => ({ name: `aquasecurity:trivy:${name}`, value });
const syft = (name: string, value: string) => ({ name: `syft:distro:${name}`, value });

export function cyclonedxDocument(facts: SbomFacts): CycloneDxDocument {
  const { owned, unclaimed } = groupByOwner(facts.files === 'untold' ? [] : facts.files);
  const image = describeImage(facts);
  const packages = facts.packages.map((rpm) => describePackage(rpm, owned.get(rpm.nevra)));
  const systems = facts.distribution ? [describeSystem(facts.distribution)] : [];
  const described = [...systems, ...packages];
  const content = {
    version: 1,
    metadata: {
      timestamp: isoTime(facts.epoch),
      tools: { components: [{ type: 'application', ...facts.tool }] },
      component: { ...image, ...(facts.base && { pedigree: { ancestors: [describeImage(facts.base)] } }) },
    },
    components: [...described, ...unclaimed.map(describeFile)],
    dependencies: [{ ref: image['bom-ref'], dependsOn: described.map((one) => one['bom-ref']) }],
    ...(facts.files === 'untold' && { compositions: [{ aggregate: 'incomplete' }] }),
  };
  const head = { bomFormat: 'CycloneDX', specVersion: '1.6' } as const;
  return { ...head, serialNumber: serialOf(content), ...content };
}

/** A file of several packages is listed in each. */
function groupByOwner(files: readonly SbomFile[]): { owned: Map<string, SbomFile[]>; unclaimed: SbomFile[] } {
  const owned = new Map<string, SbomFile[]>();
  for (const file of files) {
    for (const nevra of file.owners) {
      const own = owned.get(nevra);
      if (own) own.push(file);
      else owned.set(nevra, [file]);
    }
  }
  return { owned, unclaimed: files.filter(({ owners }) => owners.length === 0) };
}

function describeImage({ name, manifestDigest }: Pick<SbomFacts, 'name' | 'manifestDigest'>) {
  const purl = imagePurl(name, manifestDigest);
  return {
    type: 'container',
    'bom-ref': purl,
    name,
    version: manifestDigest,
    hashes: [{ alg: 'SHA-256', content: manifestDigest.replace('sha256:', '') }],
    purl,
  };
}

/** Trivy looks for the name, and grype for the one of os-release. */
function describeSystem({ id, versionId }: NonNullable<SbomFacts['distribution']>) {
  return {
    type: 'operating-system',
    'bom-ref': `operating-system-${id}`,
    name: scannerName(id),
    ...(versionId !== '' && { version: versionId }),
    properties: [syft('id', id), ...(versionId === '' ? [] : [syft('versionID', versionId)])],
  };
}

function describePackage(rpm: ListedPackage, files: readonly SbomFile[] = []) {
  const { supplier, homepage, sha256 } = rpm;
  return {
    type: 'library',
    'bom-ref': rpm.purl,
    ...(supplier !== undefined && { supplier: { name: supplier } }),
    name: rpm.name,
    version: rpm.evr,
    ...(rpm.summary !== '' && { description: rpm.summary }),
    ...(sha256 !== undefined && { hashes: [{ alg: 'SHA-256', content: sha256 }] }),
    ...licensesOf(rpm),
    purl: rpm.purl,
    ...(homepage !== undefined && { externalReferences: [{ type: 'website', url: homepage }] }),
    properties: [
      ...sourceOf(rpm),
      ...(rpm.module === undefined ? [] : [trivy('Modularitylabel', rpm.module)]),
    ],
    ...(files.length > 0 && { components: files.map(describeFile) }),
  };
}

/** A text that is no SPDX expression becomes the licence's name. */
function licensesOf({ declared: { expression, extracted }, license }: ListedPackage) {
  if (expression === 'NOASSERTION') return {};
  const isOwn = extracted.some(({ licenseId }) => licenseId === expression);
  return { licenses: [isOwn ? { license: { name: license.trim() } } : { expression }] };
}

/** In Trivy's format, because advisories are about source packages. */
function sourceOf({ source }: ListedPackage) {
  if (source === undefined) return [];
  return [
    trivy('SrcName', source.name),
    trivy('SrcVersion', source.version),
    trivy('SrcRelease', source.release),
    ...(source.epoch > 0 ? [trivy('SrcEpoch', String(source.epoch))] : []),
  ];
}

function describeFile({ path, sha1, sha256, layer }: SbomFile) {
  return {
    type: 'file',
    name: `/${path}`,
    hashes: [
      { alg: 'SHA-1', content: sha1 },
      { alg: 'SHA-256', content: sha256 },
    ],
    properties: [trivy('LayerDiffID', layer)],
  };
}

/** A UUID of version 8 from the content (RFC 9562), so that the same document has the same one. */
function serialOf(content: object): string {
  const hex = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  const variant = ((Number.parseInt(hex[16]!, 16) & 0x3) | 0x8).toString(16);
  const fields = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ];
  return `urn:uuid:${fields.join('-')}`;
}
