/** The symbolic links that packages bring, known before anything is on disk: paths can be resolved without a tree. */
import { resolveInImage, type ByteString } from '../host/paths.ts';
import { fileType } from './file-list.ts';
import type { PackageInfo } from './package.ts';

/** Targets by the path that each link resolves to. */
export function knownLinks(packages: readonly Pick<PackageInfo, 'files'>[]): Map<ByteString, ByteString> {
  const links = new Map<ByteString, ByteString>();
  for (const { files } of packages) {
    for (const file of files) {
      const isLink = (file.mode & fileType.mask) === fileType.link && !file.flags.ghost;
      if (isLink && file.linkTarget !== undefined) links.set(file.path, file.linkTarget);
    }
  }
  // A link may itself lie behind another one: repeat until every one is known by the path it resolves to.
  for (let before = -1; before < links.size;) {
    before = links.size;
    for (const [path, target] of links.entries().toArray()) {
      const resolved = resolveInImage(path, (at) => links.get(at));
      if (resolved !== undefined && !links.has(resolved)) links.set(resolved, target);
    }
  }
  return links;
}
