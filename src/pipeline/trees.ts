/** Trees of images in the content store. */
import type { Digest } from '../content/digest.ts';
import { inChunks } from '../layer/gather.ts';
import { parseTree, serializeTree, type Tree } from '../layer/tree.ts';
import type { Context } from './context.ts';

export async function storeTree({ content }: Context, tree: Tree): Promise<Digest> {
  const lines = serializeTree(tree).map((line) => Buffer.from(line));
  return (await content.ingestStream(inChunks(lines, 1 << 20))).digest;
}

export async function readTree({ content }: Context, digest: Digest): Promise<Tree> {
  return parseTree((await content.openVerified(digest)).setEncoding('utf8'));
}
