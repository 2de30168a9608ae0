/** Stores the trees of images and the listings of layers in the content store. */
import type { Digest } from '../../lib/oci/digest.ts';
import { inChunks } from '../../stages/layer/compress/chunks.ts';
import { parseListing, type ListedEntry } from '../../stages/layer/tar/listing.ts';
import { parseTree, serializeTree, type Tree } from '../../stages/layer/tree.ts';
import type { Context } from './context.ts';

export async function storeTree({ content }: Context, tree: Tree): Promise<Digest> {
  const lines = serializeTree(tree).map((line) => Buffer.from(line));
  return (await content.ingestStream(inChunks(lines, 1 << 20))).digest;
}

export async function readTree({ content }: Context, digest: Digest): Promise<Tree> {
  return parseTree((await content.openVerified(digest)).setEncoding('utf8'));
}

export async function readListing({ content }: Context, digest: Digest): Promise<ListedEntry[]> {
  return parseListing((await content.openVerified(digest)).setEncoding('utf8'));
}
