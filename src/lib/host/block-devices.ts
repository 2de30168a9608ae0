/** The block devices that a mount reads from and writes to. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { lstatIfThere } from './files.ts';
import type { MountSpec } from './mounts.ts';

/** MAJOR:MINOR of whole devices, each once; empty if a part of it lies on none, as with btrfs. */
export async function blockDevicesOf(specs: readonly MountSpec[]): Promise<string[]> {
  const found = await Promise.all(specs.flatMap(placesOf).map(deviceAt));
  return found.includes(undefined) ? [] : [...new Set(found.flatMap((one) => one ?? []))];
}

function placesOf(spec: MountSpec): string[] {
  if (spec.type !== 'overlay') return [spec.source];
  return [...spec.lower, ...(spec.writable ? [spec.writable.upper] : [])];
}

async function deviceAt(path: string): Promise<string | undefined> {
  const found = await stat(path);
  const number = found.isBlockDevice() ? found.rdev : found.dev;
  // makedev(3) of glibc.
  const major = ((number / 2 ** 32) & 0xffff_f000) | ((number >>> 8) & 0xfff);
  const minor = ((number / 2 ** 12) & 0xffff_ff00) | (number & 0xff);
  const name = `${major}:${minor}`;
  const place = join('/sys/dev/block', name);
  if (!(await lstatIfThere(place))) return undefined;
  // The kernel limits whole devices, not partitions.
  if (!(await lstatIfThere(join(place, 'partition')))) return name;
  // A path that is joined would lose its link.
  return (await readFile(`${place}/../dev`, 'utf8')).trim();
}
