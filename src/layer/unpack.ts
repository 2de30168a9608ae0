/**
 * A layer onto a tree, as the OCI image specification has it (layer.md, "Applying Changesets"). Every path is taken
 * apart first: nothing is written through a link, above the tree, or twice.
 */
import { lchown, link, mkdir, open, readdir, rm, symlink, chmod } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { lstatIfThere } from '../host/files.ts';
import { native } from '../host/native.ts';
import { below, showBytes, type ByteString } from '../host/paths.ts';
import { decompressed } from './compress.ts';
import type { TarEntry } from './tar.ts';
import { parentOf } from './tree.ts';
import { invalid, readTar } from './untar.ts';

const typeBits = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const;
const whiteout = '.wh.';
const opaque = '.wh..wh..opq';

/** Throws LAYER_INVALID, and what the file system throws. */
export async function unpackLayer(root: string, blob: Readable, mediaType: string): Promise<void> {
  const tree = new LayerTree(root);
  const tar = decompressed(blob, mediaType);
  if (!tar) throw invalid(`its media type is ${mediaType}`);
  try {
    await readTar(tar, (entry, content) => tree.add(entry, content));
  } catch (error) {
    throw /^(?:ERR_ZLIB|Z_|ERR_ZSTD|ZSTD)/.test((error as NodeJS.ErrnoException).code ?? '')
      ? invalid((error as Error).message)
      : error;
  } finally {
    blob.destroy();
    tar.destroy();
  }
  await tree.finish();
}

class LayerTree {
  readonly #root: string;
  /** Directories that are known to be such, and to be no links. */
  readonly #directories = new Set<ByteString>(['' as ByteString]);
  /** What this very layer has made: whiteouts are about what lies below it. */
  readonly #made = new Set<ByteString>();
  /** Times of directories move with what is put into them. */
  readonly #later: TarEntry[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  async add(entry: TarEntry, content: AsyncIterable<Buffer>): Promise<void> {
    const path = clean(entry.path);
    if (path === '') {
      if (entry.type !== 'directory') throw invalid('its root is no directory');
      return void this.#later.push({ ...entry, path });
    }
    const parent = parentOf(path);
    await this.#requireDirectory(parent);
    const name = path.slice(parent === '' ? 0 : parent.length + 1);
    if (name === opaque) return this.#empty(parent);
    if (name.startsWith(whiteout)) return this.#delete(parent, name.slice(whiteout.length));
    if (this.#made.has(path)) throw invalid(`/${showBytes(path)} occurs twice`);
    this.#made.add(path);
    await this.#make({ ...entry, path }, content);
  }

  /** Bottom up, so that each is done when nothing below it changes any more. */
  async finish(): Promise<void> {
    for (const entry of this.#later.toReversed()) await this.#attributes(entry);
  }

  async #delete(parent: ByteString, name: string): Promise<void> {
    const path = (parent === '' ? name : `${parent}/${name}`) as ByteString;
    if (name === '' || name === '.' || name === '..') throw invalid('it deletes a directory from inside');
    if (this.#made.has(path)) throw invalid(`/${showBytes(path)} is there and deleted`);
    await rm(below(this.#root, path), { recursive: true, force: true });
    this.#forget(path);
  }

  /** Of all but what this layer has put there. */
  async #empty(directory: ByteString): Promise<void> {
    for (const name of await readdir(below(this.#root, directory), { encoding: 'latin1' })) {
      const path = (directory === '' ? name : `${directory}/${name}`) as ByteString;
      if (!this.#made.has(path)) await this.#delete(directory, name);
    }
  }

  #forget(path: ByteString): void {
    for (const known of this.#directories) {
      if (known === path || known.startsWith(`${path}/`)) this.#directories.delete(known);
    }
  }

  async #make(entry: TarEntry, content: AsyncIterable<Buffer>): Promise<void> {
    const place = below(this.#root, entry.path);
    const there = await lstatIfThere(place);
    if (entry.type === 'directory') {
      if (there && !there.isDirectory()) await rm(place);
      if (there?.isDirectory()) await this.#dropXattrs(place);
      else await mkdir(place, { mode: 0o700 });
      this.#directories.add(entry.path);
      return void this.#later.push(entry);
    }
    if (there) {
      await rm(place, { recursive: true });
      this.#forget(entry.path);
    }
    if (entry.type === 'link') return this.#link(entry, place);
    if (entry.type === 'file') await writeFile(place, content);
    else if (entry.type === 'symlink') await symlink(bytesOf(entry.linkTarget), place);
    else {
      const { deviceMajor = 0, deviceMinor = 0 } = entry;
      await native().mknod(place, typeBits[entry.type] | 0o600, deviceMajor, deviceMinor);
    }
    await this.#attributes(entry);
  }

  /** Those that the layer gives it come with its other attributes. */
  async #dropXattrs(place: Buffer): Promise<void> {
    const { xattrs = {} } = await native().lstat(place);
    for (const name of Object.keys(xattrs)) await native().removeXattr(place, name);
  }

  /** Only to a file: a link's attributes are those of what it names. */
  async #link(entry: TarEntry, place: Buffer): Promise<void> {
    const target = clean(entry.linkTarget ?? ('' as ByteString));
    await this.#requireDirectory(parentOf(target));
    const found = await lstatIfThere(below(this.#root, target));
    if (!found || found.isDirectory()) throw invalid(`/${showBytes(entry.path)} is a link to no file`);
    await link(below(this.#root, target), place);
  }

  /** Owner first: it clears setuid and capabilities. */
  async #attributes({ path, type, mode, uid, gid, mtime, xattrs }: TarEntry): Promise<void> {
    const place = path === '' ? Buffer.from(this.#root) : below(this.#root, path);
    await lchown(place, uid, gid);
    if (type !== 'symlink') await chmod(place, mode);
    for (const [name, value] of Object.entries(xattrs ?? {})) await native().setXattr(place, name, value);
    await native().setMtime(place, mtime, 0);
  }

  async #requireDirectory(path: ByteString): Promise<void> {
    if (this.#directories.has(path)) return;
    await this.#requireDirectory(parentOf(path));
    const found = await lstatIfThere(below(this.#root, path));
    if (!found?.isDirectory()) throw invalid(`/${showBytes(path)} is no directory`);
    this.#directories.add(path);
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

/** Without `.`, slashes at the ends, and anything that leads upward. */
function clean(path: ByteString): ByteString {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || path.startsWith('/')) throw invalid(`${showBytes(path)} leads out of it`);
  return parts.join('/') as ByteString;
}

function bytesOf(target: ByteString | undefined): Buffer {
  return Buffer.from(target ?? '', 'latin1');
}
