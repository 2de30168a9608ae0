/** The regular files of an image for its bills of materials. */
import { bytesOf, type ByteString } from '../../lib/host/paths.ts';
import type { InstalledPackage } from '../../lib/rpm/database.ts';
import { packagedFiles } from '../../stages/layer/packages/packaged.ts';
import type { Tree } from '../../stages/layer/tree.ts';
import type { SbomFile } from '../../stages/sign/sbom.ts';
import type { Context } from '../state/context.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { readTree } from '../state/trees.ts';
import { filesInLayers } from './layer-files.ts';

/** Throws LAYERS_DIFFER, BLOB_MISSING. */
export async function filesOf(
  context: Context,
  { tree: digest, layers }: ImageRecord,
  packages: readonly InstalledPackage[],
): Promise<SbomFile[]> {
  const tree = await readTree(context, digest);
  const owners = ownersIn(tree, packages);
  const held = await filesInLayers(context, tree, layers);
  return [...held].map(([path, file]) => ({
    path: pathText(path),
    ...file,
    owners: owners(path),
  }));
}

/**
 * The packages that own a path, as in `rpm -qf`. A file that rpm skipped or replaced does not belong to the package.
 */
function ownersIn(tree: Tree, packages: readonly InstalledPackage[]) {
  const installed = packages.map(({ nevra, files, fileStates }) => ({
    nevra,
    files: files.filter((_, index) => fileStates[index] === 'normal'),
  }));
  const packaged = packagedFiles(installed, tree);
  return (path: ByteString) => {
    const found = (packaged.get(path) ?? []).map(({ nevra }) => nevra);
    return [...new Set(found)].toSorted();
  };
}

/** UTF-8 without surrogates and overlong forms (RFC 3629, 4), in latin1. */
const utf8 = [
  '[\\x00-\\x7F]',
  '[\\xC2-\\xDF][\\x80-\\xBF]',
  '\\xE0[\\xA0-\\xBF][\\x80-\\xBF]',
  '[\\xE1-\\xEC\\xEE\\xEF][\\x80-\\xBF]{2}',
  '\\xED[\\x80-\\x9F][\\x80-\\xBF]',
  '\\xF0[\\x90-\\xBF][\\x80-\\xBF]{2}',
  '[\\xF1-\\xF3][\\x80-\\xBF]{3}',
  '\\xF4[\\x80-\\x8F][\\x80-\\xBF]{2}',
];
const pieces = new RegExp(`((?:${utf8.join('|')})+)|[\\x80-\\xFF]`, 'g');

/** A byte that is not UTF-8 is written as in a URI. With a replacement character, two names could become the same. */
export function pathText(path: ByteString): string {
  return path.replace(pieces, (piece, text?: string) =>
    text === undefined
      ? `%${piece.codePointAt(0)!.toString(16).toUpperCase()}`
      : bytesOf(text as ByteString).toString('utf8'),
  );
}
