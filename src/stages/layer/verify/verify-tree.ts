/**
 * Compares the installed tree with the headers of its packages, file by file, as `rpm -Va` would in the image. The tree
 * was scanned and hashed once for its layers, so that nothing is read again, and no program of the image runs.
 */
import { resolveInImage, showBytes, type ByteString } from '../../../lib/host/paths.ts';
import type { InstalledFiles } from '../../../lib/rpm/database.ts';
import { fileType, type RpmFile } from '../../../lib/rpm/file-list.ts';
import {
  differingColumns,
  isExpected,
  markerOf,
  type FileOwner,
  type Found,
} from '../../../lib/rpm/verify-file.ts';
import type { InstalledTree } from '../normalize/normalize.ts';
import { linksOf, resolver } from '../packages/packaged.ts';
import { isDirectory, isLink, type Tree, type TreeEntry } from '../tree.ts';
import type { ContentOf } from './hash-tree.ts';

export interface Difference {
  path: string;
  /**
   * Differences in rpm's letters: S size, M mode, 5 digest, D device, L link, U user, G group, T time, P capabilities;
   * or 'missing'.
   */
  attributes: string;
  /** d documentation, c config, m may be missing, g ghost, l licence, r readme, a artifact; '' for others. */
  marker: string;
}

export interface Verification {
  installed: Pick<InstalledTree, 'tree' | 'packaged'>;
  packages: readonly InstalledFiles[];
  contentOf: ContentOf;
  ownerOf: (file: RpmFile) => FileOwner;
}

/** In the order of the packages and of their files. */
export function verifyTree({ installed, packages, contentOf, ownerOf }: Verification): Difference[] {
  const { tree, packaged } = installed;
  const resolve = resolver(linksOf(tree));
  const found: Difference[] = [];
  const add = (file: RpmFile, attributes: string) =>
    found.push({ path: `/${showBytes(file.path)}`, attributes, marker: markerOf(file) });
  for (const { files, states } of packages) {
    for (const [index, file] of files.entries()) {
      const state = states[index]!;
      if (!isExpected(state)) continue;
      const path = resolve(file.path);
      const entry = path === undefined ? undefined : tree.get(path);
      if (!entry) {
        if (!file.flags.ghost && !file.flags.missingok) add(file, 'missing');
        continue;
      }
      const columns = differingColumns(
        file,
        state,
        foundAt(file, entry, { tree, packaged, contentOf }),
        ownerOf(file),
      );
      if (columns !== undefined) add(file, columns);
    }
  }
  return found;
}

function foundAt(
  file: RpmFile,
  own: TreeEntry,
  { tree, packaged, contentOf }: Pick<InstalledTree, 'tree' | 'packaged'> & { contentOf: ContentOf },
): Found {
  const isLinked = (file.mode & fileType.mask) === fileType.directory && isLink(own);
  const entry = (isLinked && linkedDirectory(tree, own)) || own;
  const digest = file.digest && contentOf(entry, file.digest.algorithm);
  return { entry, digest, isShared: (packaged.get(own.path)?.length ?? 0) > 1 };
}

/** The directory that a link leads to, if root or the directory's owner made the link: rpm then keeps it too. */
function linkedDirectory(tree: Tree, link: TreeEntry): TreeEntry | undefined {
  const inside = resolveInImage(`${link.path}/.x` as ByteString, linksOf(tree));
  const directory = inside === undefined ? undefined : tree.get(inside.replace(/\/?\.x$/, '') as ByteString);
  if (!directory || !isDirectory(directory)) return undefined;
  return link.uid === 0 || link.uid === directory.uid ? directory : undefined;
}
