/** The files of an SPDX 2.3 document, and what packages have of them. */
import { createHash } from 'node:crypto';
import type { SbomFile } from './sbom.ts';

/** What a package says that names its files. */
export interface AnalysedPackage {
  filesAnalyzed: true;
  packageVerificationCode: { packageVerificationCodeValue: string };
}

export interface DescribedFiles {
  files: object[];
  /** Identifiers of a package and of a file in it. */
  contained: [string, string][];
  /** By a package's identifier. */
  analysed: Map<string, AnalysedPackage>;
}

/**
 * Files that no package owns are the image's own. `ids` has packages' identifiers by NEVRA.
 *
 * SHA-1 is what the specification demands of each file (8.4), and what verification codes are made of; SHA-256 is what
 * to compare. The layer is told as syft tells it.
 */
export function describeFiles(
  files: readonly SbomFile[],
  ids: ReadonlyMap<string, string>,
  imageId: string,
): DescribedFiles {
  const contained: [string, string][] = [];
  const sums = new Map<string, string[]>([[imageId, files.map(({ sha1 }) => sha1)]]);
  const described = files.map(({ path, sha1, sha256, layer, owners }, index) => {
    const id = fileId(index);
    const packages = owners.map((nevra) => ids.get(nevra)!);
    for (const owner of packages) {
      contained.push([owner, id]);
      if (!sums.has(owner)) sums.set(owner, []);
      sums.get(owner)!.push(sha1);
    }
    if (packages.length === 0) contained.push([imageId, id]);
    return {
      SPDXID: id,
      fileName: `./${path}`,
      checksums: [
        { algorithm: 'SHA1', checksumValue: sha1 },
        { algorithm: 'SHA256', checksumValue: sha256 },
      ],
      comment: `layerID: ${layer}`,
    };
  });
  const analysed = new Map([...sums].map(([id, sha1s]) => [id, analysedPackage(sha1s)]));
  return { files: described, contained, analysed };
}

/** Trivy takes any one file whose identifier begins with File for the place of its package, in place of a digest. */
const fileId = (index: number) => `SPDXRef-RegularFile-${index}`;

/** The algorithm of 7.9. */
function analysedPackage(sha1s: string[]): AnalysedPackage {
  const code = createHash('sha1');
  for (const sha1 of sha1s.toSorted()) code.update(sha1);
  return {
    filesAnalyzed: true,
    packageVerificationCode: { packageVerificationCodeValue: code.digest('hex') },
  };
}
