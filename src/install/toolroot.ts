/**
 * The tool root: rpm and what it needs, unpacked from the recipe's own repositories without running a scriptlet,
 * so that the same rpm makes the same image on every host.
 */
import { mkdir, rename } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { MillinerError } from '../errors.ts';
import { asStorageError } from '../host/files.ts';
import { native } from '../host/native.ts';
import { below, byteString, bytesOf, resolveInImage, showBytes, type ByteString } from '../host/paths.ts';
import type { Progress } from '../host/progress.ts';
import { sparing } from '../host/reserve.ts';
import { removeTree } from '../host/remove.ts';
import { fileType, type RpmFile } from '../rpm/files.ts';
import { knownLinks } from '../rpm/links.ts';
import type { RpmPackage } from '../rpm/package.ts';
import { readPayload } from '../rpm/payload.ts';

/** A verified one. */
interface ToolPackage {
  sha256: string;
  package: RpmPackage;
}

export interface ToolRootPlaces {
  /** Where tool roots are kept. */
  place: string;
  /** A directory on the same file system, not there yet, that goes with its process. */
  temporary: string;
}

interface UnpackOptions {
  progress: Progress;
  signal?: AbortSignal | undefined;
}

/**
 * Gives the directory; made once for a set of packages, whole or not at all.
 * @param options.trusted until it has settled, what is unpacked does not count: its signatures are being checked
 */
export async function ensureToolRoot(
  { place: directory, temporary }: ToolRootPlaces,
  packages: ToolPackage[],
  { trusted, ...options }: UnpackOptions & { trusted: Promise<unknown> },
): Promise<string> {
  const digests = packages.map(({ sha256 }) => sha256).toSorted();
  const key = createHash('sha256').update(digests.join('\n')).digest('hex');
  const place = join(directory, key);
  if (existsSync(place)) return place;
  try {
    await mkdir(temporary);
    await unpack(
      temporary,
      packages.map((one) => one.package),
      options,
    );
    await trusted;
    // What is there after a crash is taken for whole: the files reach the disk before the name.
    await native().syncfs(temporary);
    await rename(temporary, place).catch(async (error: NodeJS.ErrnoException) => {
      // Another process was faster: the same packages give the same tree.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      await removeTree(temporary);
    });
  } catch (error) {
    throw asStorageError(error, place);
  }
  return place;
}

async function unpack(
  root: string,
  packages: RpmPackage[],
  { progress, signal }: UnpackOptions,
): Promise<void> {
  const links = knownLinks(packages);
  const linkAt = (path: ByteString) => links.get(path);
  const place = (file: RpmFile) => {
    const path = resolveInImage(file.path, linkAt);
    if (path === undefined)
      throw new MillinerError('PACKAGE_INVALID', `/${showBytes(file.path)}: links in a circle`);
    return path;
  };
  const directories = new Set<ByteString>(['' as ByteString]);
  const makeParents = (path: ByteString) => {
    const parts = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/') as ByteString;
      if (directories.has(parent)) continue;
      makeDirectory(below(root, parent));
      directories.add(parent);
    }
  };
  for (const [done, one] of packages.entries()) {
    progress.update('unpacking the tool root', done + 1, packages.length);
    for await (const { links: names, content } of readPayload(one, { signal, isTrusted: true })) {
      const [first, ...others] = names.map(place) as [ByteString, ...ByteString[]];
      if (!isNeeded(names[0])) continue;
      makeParents(first);
      await writeContent(below(root, first), sparing(content, root), names[0].mode & 0o755);
      for (const other of others) {
        makeParents(other);
        rmSync(below(root, other), { force: true });
        linkSync(below(root, first), below(root, other));
      }
    }
    makeRest(root, one, place, makeParents);
  }
}

/** rpm reads neither documentation nor translations: half of the files are not worth their time. */
function isNeeded({ flags, lang, path }: RpmFile): boolean {
  return !flags.doc && lang === '' && !/^usr\/share\/(?:doc|info|locale|man)\//.test(path);
}

/** One level at a time, and never through a link: what lies outside the root stays out of reach. */
function makeDirectory(path: Buffer): void {
  try {
    mkdirSync(path, { mode: 0o755 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !lstatSync(path).isDirectory()) throw error;
  }
}

/** Directories and links have no payload of their own. Owners and setuid bits mean nothing in a tool root. */
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

/** Files are small and many: one that waits for nothing costs a fraction of one that is waited for. */
async function writeContent(path: Buffer, content: AsyncIterable<Buffer>, mode: number): Promise<void> {
  // A package may replace what another has put there.
  rmSync(path, { force: true });
  const file = openSync(path, 'wx', mode | 0o400);
  try {
    for await (const piece of content) writeFileSync(file, piece);
  } finally {
    closeSync(file);
  }
}
