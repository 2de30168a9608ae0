/**
 * The tool root: rpm and what it needs, unpacked from the recipe's own repositories without running a scriptlet,
 * so that the same rpm makes the same image on every host.
 */
import { chmod, link, lstat, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MillinerError } from '../errors.ts';
import { asStorageError } from '../host/files.ts';
import { native } from '../host/native.ts';
import { below, byteString, bytesOf, resolveInImage, showBytes, type ByteString } from '../host/paths.ts';
import type { Progress } from '../host/progress.ts';
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

/** Gives the directory; made once for a set of packages, whole or not at all. */
export async function ensureToolRoot(
  { place: directory, temporary }: ToolRootPlaces,
  packages: ToolPackage[],
  options: { progress: Progress; signal?: AbortSignal | undefined },
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
  { progress, signal }: { progress: Progress; signal?: AbortSignal | undefined },
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
  const makeParents = async (path: ByteString) => {
    const parts = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/') as ByteString;
      if (directories.has(parent)) continue;
      await makeDirectory(below(root, parent));
      directories.add(parent);
    }
  };
  for (const [done, one] of packages.entries()) {
    progress.update('unpacking the tool root', done + 1, packages.length);
    for await (const { links: names, content } of readPayload(one, { signal })) {
      const [first, ...others] = names.map(place) as [ByteString, ...ByteString[]];
      await makeParents(first);
      await writeContent(below(root, first), content, names[0].mode & 0o755);
      for (const other of others) {
        await makeParents(other);
        await rm(below(root, other), { force: true });
        await link(below(root, first), below(root, other));
      }
    }
    await makeRest(root, one, place, makeParents);
  }
}

/** One level at a time, and never through a link: what lies outside the root stays out of reach. */
async function makeDirectory(path: Buffer): Promise<void> {
  await mkdir(path, { mode: 0o755 }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST' || !(await lstat(path)).isDirectory()) throw error;
  });
}

/** Directories and links have no payload of their own. Owners and setuid bits mean nothing in a tool root. */
async function makeRest(
  root: string,
  one: RpmPackage,
  place: (file: RpmFile) => ByteString,
  makeParents: (path: ByteString) => Promise<void>,
): Promise<void> {
  for (const file of one.files) {
    if (file.flags.ghost) continue;
    const type = file.mode & fileType.mask;
    const path = place(file);
    if (type === fileType.directory) await makeParents(`${path}/.` as ByteString);
    if (type !== fileType.link) continue;
    await makeParents(path);
    await rm(below(root, path), { force: true });
    await symlink(bytesOf(file.linkTarget ?? byteString('')), below(root, path));
  }
}

async function writeContent(path: Buffer, content: AsyncIterable<Buffer>, mode: number): Promise<void> {
  await rm(path, { force: true });
  await writeFile(path, content, { flag: 'wx', mode: 0o600 });
  await chmod(path, mode | 0o400);
}
