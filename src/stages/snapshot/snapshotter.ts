/** Snapshots in containerd's terms: trees that are written once, committed, and used as parents of others. */
import type { IdRange } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import type { MountSpec } from '../../lib/host/mounts.ts';
import { native, type NativeError, type ScanEntry } from '../../lib/host/native.ts';

/** active: writable. view: read-only, of a committed snapshot. committed: never changes, and can be a parent. */
export type SnapshotKind = 'active' | 'view' | 'committed';

export interface Snapshot {
  name: string;
  parent?: string;
  kind: SnapshotKind;
  labels: Record<string, string>;
  created: Date;
}

/** A snapshot's own data, without its parent's. */
export interface Usage {
  /** Bytes taken on disk. */
  bytes: number;
  inodes: number;
}

/** Space that is left; full at 0 or below. */
export interface Space {
  bytes: number;
  inodes: number;
}

/** Limit on the data that untrusted programs add to a snapshot. */
export interface Bound {
  bytes: number;
  /** Number of such snapshots that must fit at once, this one included; default 1. */
  share?: number;
  /**
   * Takes space as it is written to, and no share beforehand, where the snapshotter can do so. Then space() throws
   * DISK_FULL when the disk below is full except for its reserve, even if other programs have filled it.
   */
  isSparse?: boolean;
}

/**
 * The part of the free space that an active snapshot may use, because its layers, or its copy, need space in the same
 * place.
 */
export function boundWithin({ bytes, share = 1 }: Bound, free: number): number {
  return Math.min(bytes, Math.floor(free / (2 * share)));
}

/**
 * Keys and names share one namespace. An active snapshot or view belongs to the process that made it; when that process
 * dies, reconcile() removes it with its mounts. Committed snapshots belong to the store.
 */
export interface Snapshotter {
  readonly name: 'overlay' | 'dm-thin';
  /**
   * A writable snapshot on a committed parent, or an empty tree. It needs a bound if programs other than Milliner write
   * to it. Throws SNAPSHOT_EXISTS, SNAPSHOT_NOT_FOUND, DISK_FULL if there is no space for a bounded one, HOST_MISSING.
   */
  prepare(key: string, parent?: string, bound?: Bound): Promise<Snapshot>;
  /** A read-only snapshot of a committed parent. */
  view(key: string, parent: string): Promise<Snapshot>;
  /** Unmounts an active snapshot and commits it durably under a name. Throws BUSY while it is in use. */
  commit(name: string, key: string, labels?: Record<string, string>): Promise<void>;
  /** The mount of an active snapshot or view, for callers that mount it themselves, in one place at a time. */
  mounts(key: string): MountSpec[];
  /**
   * Mounts it at the snapshotter's own mount point, and returns that; a second call has no effect. With ids, it is
   * mounted for programs of that user namespace: files of ID 0 appear with the first of its IDs. It cannot be mounted
   * both ways; throws BUSY while a process uses the other mount. Throws HOST_ROOT_SHARED if the host cannot move
   * owners.
   */
  mount(key: string, ids?: IdRange): Promise<string>;
  /** Where an active snapshot or view is mounted by the process that owns it. Throws SNAPSHOT_NOT_FOUND. */
  placeOf(key: string): string;
  /** Throws HOST_ROOT_SHARED if snapshots cannot be mounted with moved owners, and otherwise unchanged. */
  probeShifted(ids: IdRange): Promise<void>;
  /** Throws BUSY while a process uses it. */
  unmount(key: string): Promise<void>;
  stat(key: string): Snapshot | undefined;
  /**
   * A text that differs once anything has changed in a committed snapshot or in one below it, or in a copy of the state.
   * Undefined where that can only be told by reading them.
   */
  fingerprint(name: string): Promise<string | undefined>;
  /** Adds labels to a committed snapshot. */
  label(name: string, labels: Record<string, string>): void;
  /** Removes a snapshot and its mounts. Throws SNAPSHOT_IN_USE while it has children or another process owns it. */
  remove(key: string): Promise<void>;
  /** Calls fn for every snapshot, parents before children. */
  walk(fn: (snapshot: Snapshot) => void | Promise<void>): Promise<void>;
  usage(key: string): Promise<Usage>;
  /** Bytes that a bounded snapshot may add: fewer than requested if there is less space. */
  limitOf(key: string): number;
  /** The space that is left of its limit; a cheap call. Throws DISK_FULL for a sparse one. */
  space(key: string): Promise<Space>;
  /** Bytes that all snapshots use. */
  used(): Promise<number>;
  /** Throws if nothing more can be written, with the reason: DISK_FULL, POOL_FULL, POOL_METADATA_FULL, POOL_DAMAGED. */
  check(): Promise<void>;
  /** Every entry of an active snapshot or view, without the file system's own. */
  scan(key: string): Promise<ScanEntry[]>;
  /** Finishes or undoes the work of dead processes: snapshots, directories, mounts. Opening does this too. */
  reconcile(): Promise<void>;
  /** Ends this process's ownership; its uncommitted snapshots are removed by the next reconcile. */
  close(): Promise<void>;
}

/** Runs fn, which writes to a snapshot. If fn fails and there is no space, throws that reason instead of fn's error. */
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

/**
 * Every entry of a mounted snapshot, without lost+found, which ext4 puts into the root of each new file system. Throws
 * IMAGE_UNREPRESENTABLE if the tree is too deep or has too many entries.
 */
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
