/**
 * Volumes of stacks: what outlives their instances. Each is a file system of its own in the state directory, so that
 * what writes to it fills it alone, and belongs to one stack, of which one run at a time uses it.
 */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import {
  makeFilledDisk,
  makeLastingDisk,
  mountLastingDisk,
  removeDisk,
  type Disk,
} from '../../lib/host/disk-image.ts';
import { readdirIfThere } from '../../lib/host/files.ts';
import { acquire, withLock } from '../../lib/host/locks.ts';
import { loopsOf } from '../../lib/host/loop.ts';
import { removeTree } from '../../lib/host/remove-tree.ts';
import type { VolumeContent } from '../../stages/boot/handed.ts';
import { volumeContent } from '../../stages/boot/handed-files.ts';
import { JsonStore } from './json-store.ts';

export interface VolumeName {
  stack: string;
  name: string;
}

const recordSchema = z.object({
  stack: z.string(),
  name: z.string(),
  /** What it can hold. */
  bytes: z.int().positive(),
  /** ISO 8601. */
  created: z.string(),
  /** Whether the kernel of a machine has written it: the host's mounts no file system that others have made. */
  ofMachine: z.boolean().default(false),
});
type VolumeRecord = z.output<typeof recordSchema>;

export interface ListedVolume extends VolumeRecord {
  /** Bytes that its file takes now. */
  used: number;
}

/** Names of volumes have no dots. */
const directoryOf = (state: string, { stack, name }: VolumeName) =>
  join(state, 'volumes', `${stack}.${name}`);
const recordFile = 'volume';
const recordIn = (directory: string) =>
  new JsonStore(directory, { what: 'the record of a volume', schema: recordSchema });
const diskIn = (directory: string, place: string) => ({ file: join(directory, 'disk.ext4'), place });
const lockOf = (directory: string) => join(directory, 'lock');

export interface OpenVolume {
  content: VolumeContent;
  /** For the next run. What is mounted is the caller's to unmount. */
  release(): Promise<void>;
}

export interface VolumeOptions {
  bytes: number;
  /** An empty directory to mount it at. */
  place: string;
  /** Whether machines mount it, and not the host. */
  isMachine: boolean;
  /** Called with the content of a new one. */
  fill: Fill;
}
type Fill = (content: string) => Promise<void>;

/** Makes it where it is not there. Throws BUSY while another run uses it, BACKEND_LACKS, DISK_FULL, HOST_MISSING. */
export async function openVolume(
  state: string,
  volume: VolumeName,
  { bytes, place, fill, isMachine }: VolumeOptions,
): Promise<OpenVolume> {
  const directory = directoryOf(state, volume);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lock = await acquire(lockOf(directory), 'exclusive').catch((error: unknown) => {
    throw inUse(volume, error);
  });
  try {
    const disk = diskIn(directory, place);
    await requireUnmounted(volume, disk.file);
    const known = await recordIn(directory).read(recordFile);
    if (known && known.ofMachine !== isMachine) throw ofOtherKind(volume, known);
    // One that was being filled when its run was killed.
    if (!known) await removeDisk(disk);
    const content = await contentOf(disk, { bytes, isMachine, fill: known ? undefined : fill });
    if (!known) {
      const created = new Date().toISOString();
      await recordIn(directory).write(recordFile, { ...volume, bytes, created, ofMachine: isMachine });
    }
    return { content, release: () => lock.close() };
  } catch (error) {
    await lock.close();
    throw error;
  }
}

const detachAttempts = 50;

/** What a killed run had mounted may still be on its way out, and two mounts would each write as if they were alone. */
async function requireUnmounted(volume: VolumeName, file: string): Promise<void> {
  for (let attempt = 0; (await loopsOf(file)).length > 0; attempt++) {
    if (attempt === detachAttempts)
      throw inUse(volume, new MillinerError('BUSY', `${file} is mounted by a run that was killed`));
    await sleep(100);
  }
}

/** Of a volume that is discarded with the place. */
export async function openPassingVolume({ place, ...options }: VolumeOptions): Promise<OpenVolume> {
  return { content: await contentOf({ file: `${place}.ext4`, place }, options), release: async () => {} };
}

/** @param wanted `fill` is for a new one */
async function contentOf(
  disk: Disk,
  { bytes, isMachine, fill }: Pick<VolumeOptions, 'bytes' | 'isMachine'> & { fill: Fill | undefined },
): Promise<VolumeContent> {
  if (isMachine) {
    if (fill) await makeForMachine(disk, bytes, fill);
    return { disk: disk.file };
  }
  if (fill) await makeLastingDisk(disk, bytes);
  await mountLastingDisk(disk);
  return { directory: await contentIn(disk.place, fill) };
}

async function makeForMachine(disk: Disk, bytes: number, fill: Fill): Promise<void> {
  await contentIn(disk.place, fill);
  await makeFilledDisk(disk, bytes);
  await removeTree(disk.place);
}

/** Below the root of the file system, which has its lost+found. */
async function contentIn(place: string, fill: Fill | undefined): Promise<string> {
  const content = join(place, volumeContent);
  if (!fill) return content;
  await mkdir(content, { mode: 0o755 });
  await fill(content);
  return content;
}

export async function listVolumes(state: string): Promise<ListedVolume[]> {
  const names = (await readdirIfThere(join(state, 'volumes'))) ?? [];
  const found = await Promise.all(
    names.toSorted().map(async (name) => {
      const directory = join(state, 'volumes', name);
      const record = await recordIn(directory).read(recordFile);
      if (!record) return [];
      const { blocks } = await stat(diskIn(directory, '').file);
      return [{ ...record, used: blocks * 512 }];
    }),
  );
  return found.flat();
}

/** By its name as STACK.VOLUME. Throws VOLUME_NOT_FOUND. */
export async function findVolume(state: string, name: string): Promise<VolumeName> {
  const all = await listVolumes(state);
  const found = all.find((one) => showVolume(one) === name);
  if (found) return found;
  const known = all.map(showVolume).join(', ') || 'none';
  throw new MillinerError('VOLUME_NOT_FOUND', `no volume ${name}; there are: ${known}`);
}

/** Throws BUSY while its stack runs. */
export async function removeVolume(state: string, volume: VolumeName): Promise<void> {
  const directory = directoryOf(state, volume);
  const remove = async () => {
    // Without its record a volume is made anew, should the rest fail.
    await recordIn(directory).remove(recordFile);
    await removeDisk(diskIn(directory, ''));
    await removeTree(directory);
  };
  await withLock(lockOf(directory), 'exclusive', remove).catch((error: unknown) => {
    throw inUse(volume, error);
  });
}

export const showVolume = ({ stack, name }: VolumeName): string => `${stack}.${name}`;

function ofOtherKind(volume: VolumeName, { ofMachine }: VolumeRecord): MillinerError {
  const whose = ofMachine ? 'virtual machines' : 'containers';
  const reason = `the volume ${showVolume(volume)} was made by ${whose}`;
  return new MillinerError('BACKEND_LACKS', `${reason}, and others cannot use it`, {
    hint: `Run the stack with the backend that it had, or remove the volume: milliner volume remove ${showVolume(volume)}.`,
    details: { lacks: [{ key: `volumes.${volume.name}`, reason }] },
  });
}

function inUse(volume: VolumeName, error: unknown): unknown {
  if (!(error instanceof MillinerError) || error.code !== 'BUSY') return error;
  const { stack } = volume;
  const message = `the volume ${showVolume(volume)} is in use by the stack ${stack}: ${error.message}`;
  return new MillinerError('BUSY', message, {
    cause: error,
    hint: `Stop the stack first: milliner stop ${stack}.stack.`,
    details: error.details,
  });
}
