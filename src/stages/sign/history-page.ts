/**
 * The form of a tag's history in a registry: manifests with one layer for each record, in order. They have tags of their
 * own in the repository of the image, so the history outlives images that were deleted, and needs no Referrers API. The
 * newest page is at `sha256-HEX.history`; a full page is copied to `sha256-HEX.history.N`, and never changes again.
 */
import { canonicalDigest, tagOf } from '../../lib/oci/digest.ts';
import type { Descriptor } from '../../lib/oci/descriptor.ts';
import { makeArtifact, type Artifact } from './artifact.ts';
import type { AttachedLayer } from './attachment.ts';
import type { PublicKey } from './public-key.ts';

/** Records of a page: small manifests for the publishers, and few requests for readers. */
export const pageRecords = 256;
/** More pages than a nightly tag fills in 40 years. */
export const maxPages = 64;
/** Bytes of one record in its envelope: the rejected images and locks fill about 20 KB. */
export const maxRecordBytes = 65_536;

const historyType = 'application/vnd.milliner.tag-history.v1+json';
const emptyConfig = { mediaType: 'application/vnd.oci.empty.v1+json', bytes: Buffer.from('{}') };

/**
 * The tag of a page of the history. HEX is a digest of the tag and the key: tags of users can be as long as a registry
 * allows, and the records of two keys must not overwrite each other. Tags of the form `sha256-HEX` are those that
 * clients use for attachments, and cannot be published.
 */
export function historyTag(tag: string, key: Pick<PublicKey, 'hint'>, page?: number): string {
  const name = `${tagOf(canonicalDigest({ tag, key: key.hint }))}.history`;
  return page === undefined ? name : `${name}.${page}`;
}

/** The number of the full page that ends with the record before this one; undefined for the first page. */
export function pageBefore(number: number): number | undefined {
  return number > 1 ? (number - 1) / pageRecords : undefined;
}

/** A page with the existing records and one more. */
export function pageOf(existing: readonly Descriptor[], added: AttachedLayer): Artifact {
  const layers = [...existing.map((descriptor) => ({ descriptor })), added];
  return makeArtifact({ artifactType: historyType, config: emptyConfig, layers });
}
