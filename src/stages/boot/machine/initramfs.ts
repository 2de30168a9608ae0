/** The initramfs of a machine: our agent, and the modules that the kernel needs. A cpio archive, as cpio(5) has "newc". */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Module } from './kernel-modules.ts';

const agent = resolve(import.meta.dirname, '../../../../native/build/machine-agent');
const directories = ['proc', 'sys', 'dev', 'newroot', 'cgroup', 'files', 'modules'];

const directoryMode = 0o040_755;
export const programMode = 0o100_755;

export async function makeInitramfs(modules: readonly Module[]): Promise<Buffer> {
  const entries = [
    ...directories.map((name) => ({ name, mode: directoryMode, bytes: Buffer.alloc(0) })),
    { name: 'init', mode: programMode, bytes: await readFile(agent) },
    // The agent loads them in the order of their names.
    ...modules.map(({ name, bytes }, index) => ({
      name: `modules/${String(index).padStart(3, '0')}-${name}`,
      mode: programMode,
      bytes,
    })),
  ];
  return cpioOf(entries);
}

interface Entry {
  name: string;
  mode: number;
  bytes: Buffer;
}

/** The kernel unpacks one archive after the other; a later one may replace what an earlier one has. */
export function cpioOf(entries: readonly Entry[]): Buffer {
  const end = { name: 'TRAILER!!!', mode: 0, bytes: Buffer.alloc(0) };
  return Buffer.concat([...entries, end].flatMap((entry, index) => cpioEntry(entry, index)));
}

function cpioEntry({ name, mode, bytes }: Entry, inode: number) {
  const links = 1;
  const fields = [inode, mode, 0, 0, links, 0, bytes.length, 0, 0, 0, 0, name.length + 1, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
  return [padded(Buffer.from(header)), padded(bytes)];
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
