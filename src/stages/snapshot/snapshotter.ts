/** Snapshots in containerd's vocabulary: trees that are written once, committed, and stood upon by others. */
import type { IdRange } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import type { MountSpec } from '../../lib/host/mounts.ts';
import { native, type NativeError, type ScanEntry } from '../../lib/host/native.ts';

/** active: writable. view: read-only, of a committed one. committed: never written again, a parent for others. */
export type SnapshotKind = 'active' | 'view' | 'committed';

export interface Snapshot {
  name: string;
  parent?: string;
  kind: SnapshotKind;
  labels: Record<string, string>;
  created: Date;
}

/** What a snapshot adds to its parent. */
export interface Usage {
  /** Bytes taken on disk. */
  bytes: number;
  inodes: number;
}

/** What is left to be written; at 0 or below, all has been taken. */
export interface Space {
  bytes: number;
  inodes: number;
}

/** What may be added to a snapshot by programs that nobody trusts. */
export interface Bound {
  bytes: number;
  /** So many at once, this one among them, are to have room where it lies; 1 without. */
  share?: number;
}

/** Of what is free, an active snapshot may have so much: its layers, or what is read of it, have to lie there too. */
export function boundWithin({ bytes, share = 1 }: Bound, free: number): number {
  return Math.min(bytes, Math.floor(free / (2 * share)));
}

/**
 * Keys and names share one namespace. An active snapshot or view belongs to the process that made it: when that
 * process dies, reconcile() removes it with its mounts. Committed snapshots belong to the store.
 */
export interface Snapshotter {
  readonly name: 'overlay' | 'dm-thin';
  /**
   * A writable snapshot on a committed parent, or an empty tree. Bound, where others than Milliner itself write to it.
   * Throws SNAPSHOT_EXISTS, SNAPSHOT_NOT_FOUND, DISK_FULL where there is no room for a bound one, HOST_MISSING.
   */
  prepare(key: string, parent?: string, bound?: Bound): Promise<Snapshot>;
  /** A read-only look at a committed parent. */
  view(key: string, parent: string): Promise<Snapshot>;
  /** Unmounts an active snapshot and makes it a committed one of the given name, durably. Throws BUSY while it is in use. */
  commit(name: string, key: string, labels?: Record<string, string>): Promise<void>;
  /** How to mount an active snapshot or view; for those who mount it themselves, one place at a time. */
  mounts(key: string): MountSpec[];
  /**
   * Mounts it in the snapshotter's own place, which it gives; again and again is once. With ids, for programs of a user
   * namespace that has those: what belongs to 0 shows as the first of them. One or the other, and BUSY while a process
   * uses it as it was. Throws HOST_ROOT_SHARED where that cannot be had.
   */
  mount(key: string, ids?: IdRange): Promise<string>;
  /** Throws HOST_ROOT_SHARED where no snapshot can be mounted with moved owners, and show all else as it is. */
  probeShifted(ids: IdRange): Promise<void>;
  /** Throws BUSY while a process uses it. */
  unmount(key: string): Promise<void>;
  stat(key: string): Snapshot | undefined;
  /** Removes a snapshot and its mounts. Throws SNAPSHOT_IN_USE while others stand on it or another process owns it. */
  remove(key: string): Promise<void>;
  /** Calls fn for every snapshot, parents before children. */
  walk(fn: (snapshot: Snapshot) => void | Promise<void>): Promise<void>;
  usage(key: string): Promise<Usage>;
  /** Bytes that a bound snapshot may add: fewer than were asked for where there is no room for those. */
  limitOf(key: string): number;
  /** What is left of them, quickly told. */
  space(key: string): Promise<Space>;
  /** Bytes in use where all of them are kept. */
  used(): Promise<number>;
  /** Throws where nothing can be written any more, with the reason: DISK_FULL, POOL_FULL, POOL_METADATA_FULL, POOL_DAMAGED. */
  check(): Promise<void>;
  /** Every entry of an active snapshot or view, without what the file system keeps for itself. */
  scan(key: string): Promise<ScanEntry[]>;
  /** Finishes or undoes what dead processes left: snapshots, directories, mounts. Opening does it too. */
  reconcile(): Promise<void>;
  /** Ends this process's ownership; what it had not committed goes with the next reconcile. */
  close(): Promise<void>;
}

/** Runs fn, which writes to a snapshot; where it fails for want of space, throws that instead of what came of it. */
export async function withReason<T>(snapshots: Snapshotter, fn: () => Promise<T>): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    await snapshots.check().catch((reason: Error) => {
      reason.cause ??= error;
      throw reason;
    });
    throw error;
  }
}

/** Every entry of a mounted snapshot; IMAGE_UNREPRESENTABLE where it is too deep or has too many. ext4 puts a lost+found into the root of each new file system: it is never the image's. */
export async function scanSnapshot(root: string): Promise<ScanEntry[]> {
  const entries = await native()
    .scan(root)
    .catch((error: NativeError) => {
      throw unrepresentable(error);
    });
  return entries.filter(({ path }) => path !== 'lost+found' && !path.startsWith('lost+found/'));
}

function unrepresentable(error: NativeError): Error {
  const what = { ENAMETOOLONG: 'is longer than a path may be', EOVERFLOW: 'is one file too many' }[
    error.code
  ];
  if (what === undefined) return error;
  return new MillinerError('IMAGE_UNREPRESENTABLE', `/${error.path} ${what}`, { cause: error });
}
