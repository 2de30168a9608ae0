/** The files of a tool root: what rpm needs of its packages. */
import { MillinerError } from '../../lib/errors/error.ts';
import { resolveInImage, showBytes, type ByteString } from '../../lib/host/paths.ts';
import { fileType, type RpmFile } from '../../lib/rpm/file-list.ts';
import type { RpmPackage } from '../../lib/rpm/package.ts';
import { knownLinks } from '../../lib/rpm/symlinks.ts';
import type { PlacedFile } from '../../stages/layer/packages/predict.ts';
import { ancestorsOf } from '../../stages/layer/tree.ts';
import { SegmentBytes, type TreeMember } from '../../stages/layer/write/segment-bytes.ts';

/** Throws PACKAGE_INVALID. */
export function toolRootSegments(packages: readonly RpmPackage[]): Buffer {
  const links = knownLinks(packages);
  const place = (file: RpmFile) => {
    const path = resolveInImage(file.path, (at) => links.get(at));
    if (path !== undefined) return path;
    throw new MillinerError('PACKAGE_INVALID', `/${showBytes(file.path)}: symbolic links form a circle`);
  };
  const directories = new Set<ByteString>();
  const placed = packages.map((one) => {
    const places: PlacedFile[] = [];
    for (const [index, file] of one.files.entries()) {
      if (file.flags.ghost || !isNeeded(file)) continue;
      const path = place(file);
      const type = file.mode & fileType.mask;
      for (const directory of ancestorsOf(path)) directories.add(directory);
      if (type === fileType.directory) directories.add(path);
      else places.push([index, path, 0, 0]);
    }
    return { package: one, places };
  });
  directories.delete('' as ByteString);
  const segments = new SegmentBytes().members([...directories].map(directoryAt));
  for (const one of placed) segments.package(one);
  return segments.bytes();
}

/** rpm reads neither documentation nor translations, which are half of the files. */
function isNeeded({ flags, lang, path }: RpmFile): boolean {
  return !flags.doc && lang === '' && !/^usr\/share\/(?:doc|info|locale|man)\//.test(path);
}

function directoryAt(path: ByteString): TreeMember {
  return { entry: { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0 } };
}
