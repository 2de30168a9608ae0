/** The files of an SPDX 2.3 document, and their relations to packages. */
import { createHash } from 'node:crypto';
import type { SbomFile } from './sbom.ts';

/** Fields of a package whose files are listed. */
export interface AnalysedPackage {
  filesAnalyzed: true;
  packageVerificationCode: { packageVerificationCodeValue: string };
}

export interface DescribedFiles {
  files: object[];
  /** Identifiers of a package and of one of its files. */
  contained: [string, string][];
  /** By a package's identifier. */
  analysed: Map<string, AnalysedPackage>;
}

/**
 * Files that no package owns belong to the image. `ids` has the packages' identifiers by NEVRA. The specification
 * requires SHA-1 for each file (8.4) and for verification codes; SHA-256 is for comparisons. The layer is recorded in
 * syft's format.
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

/** Trivy uses a file whose identifier begins with File as the location of its package, instead of a digest. */
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
