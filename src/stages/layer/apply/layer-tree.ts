/**
 * Applies layers to a tree, entry by entry (OCI image specification, layer.md, "Applying Changesets"). Each component
 * of a path is checked first, so that nothing is written through a link, outside the tree, or twice.
 */
import { lchown, link, mkdir, open, readdir, rm, symlink, chmod } from 'node:fs/promises';
import { isNearlyFull, lstatIfThere } from '../../../lib/host/files.ts';
import { native } from '../../../lib/host/native.ts';
import { below, showBytes, type ByteString } from '../../../lib/host/paths.ts';
import { brokenRule, maxEntries } from '../tar/entry-rules.ts';
import { invalid } from '../tar/tar-header.ts';
import type { TarEntry } from '../tar/tar-entry.ts';
import { parentOf } from '../tree.ts';

const typeBits = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const;
const whiteout = '.wh.';
const opaque = '.wh..wh..opq';
/** SELinux labels are left to the host that runs the image. */
const hostXattr = 'security.selinux';

export interface TreeRules {
  /** Whether a name .wh.NAME deletes NAME, or is refused. */
  whiteouts?: 'apply' | 'refuse';
}

/** Errors of a file system for a name, number or attribute that it does not support. */
const unpackableErrors = new Set([
  'E2BIG',
  'EEXIST',
  'EINVAL',
  'EISDIR',
  'ELOOP',
  'EMLINK',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOTDIR',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EOVERFLOW',
  'EPERM',
  'ERANGE',
]);

/** All methods throw LAYER_INVALID, and the file system's errors for lack of space. */
export class LayerTree {
  readonly #root: string;
  readonly #options: TreeRules;
  #count = 0;
  /** Paths that are known to be directories, and not links. */
  readonly #directories = new Set<ByteString>(['' as ByteString]);
  /** Paths that this layer has made: whiteouts apply to lower layers only. */
  readonly #made = new Set<ByteString>();
  /**
   * Directories above the delayed attributes: they must not be replaced, or the attributes would be set through a link.
   */
  readonly #leading = new Set<ByteString>();
  /** Directories that were made for their content, and for which the layer had no entry so far. */
  readonly #implied = new Set<ByteString>();
  /** Attributes of directories, set at the end because new files change the times. */
  readonly #later = new Map<ByteString, TarEntry>();

  constructor(root: string, options: TreeRules) {
    this.#root = root;
    this.#options = options;
  }

  async add(entry: TarEntry, content: AsyncIterable<Buffer>): Promise<void> {
    if (++this.#count > maxEntries) throw invalid(`it has more than ${maxEntries} entries`);
    await withInvalidLayer(entry.path, () => this.#apply(entry, content));
  }

  /** Sets the delayed attributes. Each path is checked again, because an attribute must not be set through a link. */
  async finish(): Promise<void> {
    this.#forget();
    for (const entry of this.#later.values()) {
      if (!(await this.#hasDirectory(entry.path)))
        throw invalid(`/${showBytes(entry.path)} is there no more`);
      await withInvalidLayer(entry.path, () => this.#attributes(entry));
    }
  }

  async #apply(entry: TarEntry, content: AsyncIterable<Buffer>): Promise<void> {
    const path = relativePath(entry.path);
    const broken = brokenRule({ ...entry, path, xattrs: withoutHostXattrs(entry.xattrs) });
    if (broken !== undefined) throw invalid(`/${showBytes(path.slice(0, 300) as ByteString)} ${broken}`);
    if (path === '') {
      if (entry.type !== 'directory') throw invalid('its root is no directory');
      return void this.#later.set(path, { ...entry, path });
    }
    const parent = parentOf(path);
    const name = path.slice(parent === '' ? 0 : parent.length + 1);
    if (name.startsWith(whiteout)) return this.#whiteout(parent, name, path);
    await this.#makeParent(parent);
    if (this.#made.has(path)) {
      const wasImplied = entry.type === 'directory' && this.#implied.delete(path);
      if (!wasImplied) throw invalid(`/${showBytes(path)} occurs twice`);
    }
    this.#note(path);
    await this.#make({ ...entry, path }, content);
  }

  async #whiteout(parent: ByteString, name: string, path: ByteString): Promise<void> {
    if (this.#options.whiteouts === 'refuse')
      throw invalid(`/${showBytes(path)}: an image reads such a name as a deletion`);
    // If the directory does not exist, there is nothing to delete.
    if (!(await this.#hasDirectory(parent))) return;
    if (name === opaque) await this.#empty(parent);
    else await this.#delete(parent, name.slice(whiteout.length));
  }

  async #delete(parent: ByteString, name: string): Promise<void> {
    const path = (parent === '' ? name : `${parent}/${name}`) as ByteString;
    if (name === '' || name === '.' || name === '..') throw invalid('it deletes a directory from inside');
    if (this.#made.has(path) || this.#leading.has(path))
      throw invalid(`/${showBytes(path)} is there and deleted`);
    await this.#remove(path);
  }

  /** Deletes everything below a directory except what this layer has put there, at any depth. */
  async #empty(directory: ByteString): Promise<void> {
    for (const name of await readdir(below(this.#root, directory), { encoding: 'latin1' })) {
      const path = (directory === '' ? name : `${directory}/${name}`) as ByteString;
      const isOwn = this.#made.has(path) || this.#leading.has(path);
      if (!isOwn) await this.#delete(directory, name);
      else if ((await lstatIfThere(below(this.#root, path)))?.isDirectory()) await this.#empty(path);
    }
  }

  #note(path: ByteString): void {
    this.#made.add(path);
    for (let at = path; at !== '' && !this.#leading.has(parentOf(at)); at = parentOf(at))
      this.#leading.add(parentOf(at));
  }

  async #remove(path: ByteString): Promise<void> {
    const place = below(this.#root, path);
    const there = await lstatIfThere(place);
    if (!there) return;
    await rm(place, { recursive: true });
    if (there.isDirectory()) this.#forget();
  }

  #forget(): void {
    this.#directories.clear();
    this.#directories.add('' as ByteString);
  }

  async #make(entry: TarEntry, content: AsyncIterable<Buffer>): Promise<void> {
    const place = below(this.#root, entry.path);
    if (entry.type === 'directory') return this.#makeDirectory(entry, place);
    if (this.#leading.has(entry.path))
      throw invalid(`/${showBytes(entry.path)} has entries and is no directory`);
    await this.#remove(entry.path);
    if (entry.type === 'link') return this.#link(entry, place);
    if (entry.type === 'file') await writeFile(place, content);
    else if (entry.type === 'symlink') await symlink(bytesOf(entry.linkTarget), place);
    else {
      const { deviceMajor = 0, deviceMinor = 0 } = entry;
      await native().mknod(place, typeBits[entry.type] | 0o600, deviceMajor, deviceMinor);
    }
    await this.#attributes(entry);
  }

  async #makeDirectory(entry: TarEntry, place: Buffer): Promise<void> {
    const there = await lstatIfThere(place);
    if (there && !there.isDirectory()) await rm(place);
    if (there?.isDirectory()) await this.#dropXattrs(place);
    else await mkdir(place, { mode: 0o700 });
    this.#directories.add(entry.path);
    this.#later.set(entry.path, entry);
  }

  /** Removes the old extended attributes; the layer's are set with the other attributes. */
  async #dropXattrs(place: Buffer): Promise<void> {
    const { xattrs = {} } = await native().lstat(place);
    for (const name of Object.keys(xattrs)) await native().removeXattr(place, name);
  }

  /** Only to a regular file; a hard link has the attributes of its target. */
  async #link(entry: TarEntry, place: Buffer): Promise<void> {
    const target = relativePath(entry.linkTarget ?? ('' as ByteString));
    const isThere = await this.#hasDirectory(parentOf(target));
    const found = isThere ? await lstatIfThere(below(this.#root, target)) : undefined;
    if (!found || found.isDirectory()) throw invalid(`/${showBytes(entry.path)} is a link to no file`);
    await link(below(this.#root, target), place);
  }

  /** The owner first, because a change of owner clears setuid bits and capabilities. */
  async #attributes({ path, type, mode, uid, gid, mtime, xattrs }: TarEntry): Promise<void> {
    const place = path === '' ? Buffer.from(this.#root) : below(this.#root, path);
    await lchown(place, uid, gid);
    if (type !== 'symlink') await chmod(place, mode);
    for (const [name, value] of Object.entries(withoutHostXattrs(xattrs) ?? {}))
      await this.#setXattr(place, path, name, value);
    await native().setMtime(place, mtime, 0);
  }

  async #setXattr(place: Buffer, path: ByteString, name: string, value: Buffer): Promise<void> {
    await native()
      .setXattr(place, name, value)
      .catch(async (error: NodeJS.ErrnoException) => {
        // ext4 also fails with ENOSPC if attributes are larger than a block.
        if (error.code !== 'ENOSPC' || (await isNearlyFull(this.#root))) throw error;
        throw invalid(`/${showBytes(path)}: the attribute ${name} is too large`);
      });
  }

  /** A directory without an entry in the layer gets 0755 and root, as in other tools. */
  async #makeParent(path: ByteString): Promise<void> {
    if (await this.#hasDirectory(path)) return;
    await this.#makeParent(parentOf(path));
    await mkdir(below(this.#root, path), { mode: 0o755 });
    this.#directories.add(path);
    this.#note(path);
    this.#implied.add(path);
    this.#later.set(path, { path, type: 'directory', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0 });
  }

  /** False if the path does not exist; LAYER_INVALID if it, or a parent, is no directory. */
  async #hasDirectory(path: ByteString): Promise<boolean> {
    if (this.#directories.has(path)) return true;
    if (!(await this.#hasDirectory(parentOf(path)))) return false;
    const found = await lstatIfThere(below(this.#root, path));
    if (!found) return false;
    if (!found.isDirectory()) throw invalid(`/${showBytes(path)} is no directory`);
    this.#directories.add(path);
    return true;
  }
}

async function withInvalidLayer(path: ByteString, make: () => Promise<void>): Promise<void> {
  try {
    await make();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!unpackableErrors.has(code)) throw error;
    throw invalid(`/${showBytes(path.slice(0, 300) as ByteString)} cannot be made: ${code}`);
  }
}

async function writeFile(place: Buffer, content: AsyncIterable<Buffer>): Promise<void> {
  const handle = await open(place, 'wx', 0o600);
  try {
    await handle.writeFile(content);
  } finally {
    await handle.close();
  }
}

function withoutHostXattrs(xattrs: TarEntry['xattrs']): TarEntry['xattrs'] {
  if (!xattrs || !(hostXattr in xattrs)) return xattrs;
  return Object.fromEntries(Object.entries(xattrs).filter(([name]) => name !== hostXattr));
}

/** Without `.` components and outer slashes; refuses `..`. */
function relativePath(path: ByteString): ByteString {
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (segments.includes('..') || path.startsWith('/')) throw invalid(`${showBytes(path)} leads out of it`);
  return segments.join('/') as ByteString;
}

function bytesOf(target: ByteString | undefined): Buffer {
  return Buffer.from(target ?? '', 'latin1');
}
