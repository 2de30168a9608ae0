/** The modules that a kernel needs for its disk, its link and its port to the host, with what they depend on. */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { MillinerError } from '../../../lib/errors/error.ts';
import { endGroup } from '../../../lib/host/exec.ts';
import { startConfined } from '../../../lib/host/confined.ts';
import type { Kernel } from './kernel.ts';

const forAll = ['virtio_pci', 'virtio_blk', 'virtio_console', 'ext4'];
const forLink = ['virtio_net'];
/** Before Linux 6.14 ext4 asks for it, and no list says so (modules.softdep of kmod). */
const helpful = ['crc32c_generic'];
/** Bytes of one module when it is unpacked. */
const maxModuleBytes = 64 * 1024 * 1024;

export interface Module {
  name: string;
  bytes: Buffer;
}

/** In the order in which they are loaded; without those that are built in. Throws MACHINE_FAILED. */
export async function neededModules(kernel: Kernel, hasLink: boolean): Promise<Module[]> {
  const [list, builtIn] = await Promise.all([kernel.read('modules.dep'), kernel.read('modules.builtin')]);
  if (!list) throw unusable(kernel, 'has no modules.dep');
  const known = parseDependencies(list.toString('utf8'));
  const within = new Set((builtIn?.toString('utf8') ?? '').split('\n').map(nameOf));
  const paths = new Set<string>();
  const needed = [...forAll, ...(hasLink ? forLink : [])];
  for (const name of [...helpful, ...needed].filter((one) => !within.has(one))) {
    const found = known.get(name);
    if (!found && helpful.includes(name)) continue;
    if (!found) throw unusable(kernel, `has no module ${name}`);
    for (const path of found) paths.add(path);
  }
  return Promise.all(
    [...paths].map(async (path) => {
      const bytes = await kernel.read(path);
      if (!bytes) throw unusable(kernel, `has no file ${path}`);
      return { name: nameOf(path), bytes: await unpacked(path, bytes) };
    }),
  );
}

/** By the names of modules: their files, with those that they depend on before them (modules.dep(5)). */
export function parseDependencies(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [path, rest] = line.split(':', 2);
    if (path === undefined || rest === undefined || !isPath(path)) continue;
    const others = rest.split(' ').filter(isPath);
    found.set(nameOf(path), [...others.toReversed(), path]);
  }
  return found;
}

/** Relative, and not out of its directory. */
const isPath = (path: string) => /^[\w.+-]+(?:\/[\w.+-]+)*$/.test(path) && !path.split('/').includes('..');

/** The kernel takes - and _ for the same. */
const nameOf = (path: string) =>
  path
    .replace(/^.*\//, '')
    .replace(/\.ko(?:\.\w+)?$/, '')
    .replaceAll('-', '_');

async function unpacked(path: string, bytes: Buffer): Promise<Buffer> {
  const bound = { maxOutputLength: maxModuleBytes };
  if (path.endsWith('.gz')) return gunzipSync(bytes, bound);
  if (path.endsWith('.zst')) return zstdDecompressSync(bytes, bound);
  return path.endsWith('.xz') ? unpackXz(bytes) : bytes;
}

/** The bytes may be the image's. */
async function unpackXz(bytes: Buffer): Promise<Buffer> {
  const child = startConfined('xz', ['--decompress', '--stdout'], {}, { input: bytes });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxModuleBytes) endGroup(child);
  }
  const { exitCode } = await child;
  if (exitCode === 0) return Buffer.concat(chunks);
  throw new MillinerError('MACHINE_FAILED', 'a module of the kernel cannot be unpacked with xz');
}

function unusable({ version }: Kernel, reason: string): MillinerError {
  return new MillinerError('MACHINE_FAILED', `the kernel ${version} ${reason}`, {
    hint: 'Its modules need depmod(8), and drivers for virtio and ext4.',
  });
}
