/**
 * The confined process that unpacks the packages of a tool root while their signatures are still being verified. It can
 * write only to that root.
 */
import {
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { MillinerError } from '../../lib/errors/error.ts';
import {
  below,
  byteString,
  bytesOf,
  resolveInImage,
  showBytes,
  type ByteString,
} from '../../lib/host/paths.ts';
import { keepingReserve } from '../../lib/host/reserve.ts';
import { serveTasks } from '../../lib/host/serve.ts';
import { fileType, type RpmFile } from '../../lib/rpm/file-list.ts';
import { readPackage, type RpmPackage } from '../../lib/rpm/package.ts';
import { readPayload } from '../../lib/rpm/payload.ts';
import { knownLinks } from '../../lib/rpm/symlinks.ts';

export interface ToolRootTask {
  root: string;
  /** Package files. */
  paths: string[];
}

await serveTasks(async ({ root, paths }: ToolRootTask) => {
  const packages: RpmPackage[] = [];
  for (const path of paths) packages.push(await readPackage(path));
  await unpack(root, packages);
  return {};
});

async function unpack(root: string, packages: RpmPackage[]): Promise<void> {
  const links = knownLinks(packages);
  const linkAt = (path: ByteString) => links.get(path);
  const place = (file: RpmFile) => {
    const path = resolveInImage(file.path, linkAt);
    if (path === undefined)
      throw new MillinerError('PACKAGE_INVALID', `/${showBytes(file.path)}: symbolic links form a circle`);
    return path;
  };
  const directories = new Set<ByteString>(['' as ByteString]);
  const makeParents = (path: ByteString) => {
    const segments = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= segments.length; depth++) {
      const parent = segments.slice(0, depth).join('/') as ByteString;
      if (directories.has(parent)) continue;
      makeDirectory(below(root, parent));
      directories.add(parent);
    }
  };
  for (const one of packages) {
    for await (const { links: names, content } of readPayload(one, { isTrusted: true })) {
      const [first, ...others] = names.map(place) as [ByteString, ...ByteString[]];
      if (!isNeeded(names[0])) continue;
      makeParents(first);
      await writeContent(below(root, first), keepingReserve(content, root), names[0].mode & 0o755);
      for (const other of others) {
        makeParents(other);
        rmSync(below(root, other), { force: true });
        linkSync(below(root, first), below(root, other));
      }
    }
    makeRest(root, one, place, makeParents);
  }
}

/** rpm reads neither documentation nor translations, which are half of the files. */
function isNeeded({ flags, lang, path }: RpmFile): boolean {
  return !flags.doc && lang === '' && !/^usr\/share\/(?:doc|info|locale|man)\//.test(path);
}

/** One level at a time, without following links, so that nothing is made outside of the root. */
function makeDirectory(path: Buffer): void {
  try {
    mkdirSync(path, { mode: 0o755 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !lstatSync(path).isDirectory()) throw error;
  }
}

/** Directories and links have no payload. Owners and setuid bits have no effect in a tool root. */
function makeRest(
  root: string,
  one: RpmPackage,
  place: (file: RpmFile) => ByteString,
  makeParents: (path: ByteString) => void,
): void {
  for (const file of one.files) {
    if (file.flags.ghost || !isNeeded(file)) continue;
    const type = file.mode & fileType.mask;
    const path = place(file);
    if (type === fileType.directory) makeParents(`${path}/.` as ByteString);
    if (type !== fileType.link) continue;
    makeParents(path);
    rmSync(below(root, path), { force: true });
    symlinkSync(bytesOf(file.linkTarget ?? byteString('')), below(root, path));
  }
}

/** Synchronous, because the files are small and many, and each promise would cost more than the write. */
async function writeContent(path: Buffer, content: AsyncIterable<Buffer>, mode: number): Promise<void> {
  // Packages may have a file in common.
  rmSync(path, { force: true });
  const file = openSync(path, 'wx', mode | 0o400);
  try {
    for await (const piece of content) writeFileSync(file, piece);
  } finally {
    closeSync(file);
  }
}
