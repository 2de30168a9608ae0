/** The symbolic links of packages, to resolve paths before anything is on disk. */
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
  // A link may lie behind another one, so this repeats until each is known by its resolved path.
  for (let before = -1; before < links.size;) {
    before = links.size;
    for (const [path, target] of links.entries().toArray()) {
      const resolved = resolveInImage(path, (at) => links.get(at));
      if (resolved !== undefined && !links.has(resolved)) links.set(resolved, target);
    }
  }
  return links;
}
