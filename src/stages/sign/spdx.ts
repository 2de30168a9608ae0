/**
 * The SBOM as an SPDX 2.3 document in JSON (https://spdx.github.io/spdx-spec/v2.3/): a package for the image, its
 * operating system, its base and each rpm, and a file for each regular file.
 */
import { createHash } from 'node:crypto';
import { isoTime } from './artifact.ts';
import type { ExtractedLicense } from './license.ts';
import type { SbomFacts } from './sbom.ts';
import { describeFiles, type AnalysedPackage } from './spdx-files.ts';
import {
  creatorOf,
  describeBase,
  describeImage,
  describePackage,
  describeSystem,
  imageId,
  packageId,
  unanalysed,
} from './spdx-packages.ts';

export interface SpdxDocument {
  spdxVersion: 'SPDX-2.3';
  documentNamespace: string;
  packages: object[];
  [field: string]: unknown;
}

const documentId = 'SPDXRef-DOCUMENT';

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

function relation(from: string, type: string, to: string) {
  return { spdxElementId: from, relationshipType: type, relatedSpdxElement: to };
}

function extracted(licenses: ExtractedLicense[]) {
  const unique = new Map(licenses.map((license) => [license.licenseId, license]));
  const sorted = [...unique.values()].toSorted((a, b) => (a.licenseId < b.licenseId ? -1 : 1));
  return sorted.length > 0 ? { hasExtractedLicensingInfos: sorted } : {};
}

/** The content's digest makes the namespace unique to the document. */
function namespaceOf(name: string, content: object): string {
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  return `https://spdx.org/spdxdocs/${encodeURIComponent(name)}-${digest}`;
}
