/** Loads the native addon and declares the types of its functions; no other module loads it. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { MillinerError } from '../errors/error.ts';
import type { ByteString } from './paths.ts';

/** One file of a tree as the kernel shows it; xattrs and link targets included. */
export interface ScanEntry {
  /** Relative to the scanned root, no leading slash; the root itself is ''. */
  path: ByteString;
  /** st_mode with its file type bits. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Bytes taken on disk; less than size where the file has holes. */
  allocated: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  /** Changes with every change of content or attributes: an equal value means an unchanged file. */
  ctimeNanoseconds: bigint;
  /** When the inode was made, if the file system records it; not stored with an image's tree. */
  btimeNanoseconds?: bigint;
  /** The same for all names of a file, and for no other entry of the scan. */
  inode: bigint;
  /**
   * As the file's own file system counts: the same at each mount of that. An overlay may show one number for two files
   * that changed in the same moment. Not stored with an image's tree, and not of what no disk has.
   */
  inodeNumber?: bigint | undefined;
  links: number;
  /** For character and block devices. */
  deviceMajor: number;
  deviceMinor: number;
  /** Only for symbolic links. */
  target?: ByteString;
  /** Every xattr but those of the file system itself (overlay.*); absent if none. Values are raw bytes. */
  xattrs?: Record<string, Buffer>;
}

/** One line of a device-mapper table. */
interface DmTarget {
  start: number;
  length: number;
  type: string;
  params: string;
}

type DmInfo =
  | { exists: false }
  | {
      exists: true;
      uuid: string;
      major: number;
      minor: number;
      openCount: number;
      /** False for a device without a table, whose maker was killed before it loaded one. */
      live: boolean;
      suspended: boolean;
      readOnly: boolean;
      deferredRemove: boolean;
    };

/** A program that a traced process has started. */
export interface TracedProgram {
  /** As in /proc/PID/cmdline; absent for a fork that went on by itself and executed nothing. */
  arguments?: Buffer;
  /** Content of the script file that rpm wrote for it, at most 1 MiB. */
  script?: Buffer;
  /**
   * Nanoseconds since 1970. Changes made by the program, or by one that ran beside it, have a ctime in this interval.
   */
  begin: bigint;
  end: bigint;
  /** As from waitpid(2). */
  status: number;
  /** Whether no other program ran when it began. */
  isAlone: boolean;
  /** Whether a process that it started still ran when it ended. */
  leaves: boolean;
  /** Whether such a process still ran when the traced process ended, and was killed then. */
  outlives: boolean;
}

export interface Trace {
  programs: TracedProgram[];
  /**
   * Whether the process ran its program, was protected from the programs that it starts, and was followed to its end.
   */
  isComplete: boolean;
  /** Number of processes that still ran two seconds after it ended, and were killed. */
  left: number;
  /** Whether the clock was not set in the meantime. */
  isSteady: boolean;
}

/** Why no layer was made; text and subject have one character for each byte. */
export interface LayerFailure {
  code: 'PACKAGE_INVALID' | 'LAYERS_DIFFER' | 'BLOB_CORRUPT' | 'FILE_CHANGED' | 'DISK_FULL';
  text: string;
  /** The path of the package, the blob, or the file in the tree. */
  subject: string;
}

interface LayerListed {
  /** Of the layer, and of its tar stream. */
  digest: `sha256:${string}`;
  diffID: `sha256:${string}`;
}

interface LayerMade extends LayerListed {
  /** One for each of the input, then the end of the archive; `index` is JSON, for zstd:chunked. */
  segments: { offset: number; size: number; index?: string }[];
}

export interface Native {
  /**
   * Makes a layer from segments (native/layer/segments.h) in new files, in one pass on a thread of the pool. Only
   * src/stages/layer/write/write-layer.ts calls it.
   */
  makeLayer(input: {
    segments: Buffer;
    layer: string;
    listing: string;
    compression: 'zstd' | 'zstd:chunked' | 'gzip';
    level: number;
  }): Promise<LayerMade | { failure: LayerFailure }>;
  /** Unpacks segments below an empty directory, without owners and attributes. Only write-layer.ts calls it. */
  unpackSegments(segments: Buffer, root: string): Promise<{ failure?: LayerFailure }>;
  /** Reads a layer that makeLayer has made, and writes its listing to a new file. Only write-layer.ts calls it. */
  listLayer(
    layer: string,
    listing: string,
    isGzip: boolean,
  ): Promise<LayerListed | { failure: LayerFailure }>;
  /** sha256 of an open file from its beginning, hexadecimal; on a thread of the pool. */
  hashDescriptor(fd: number): Promise<string>;
  /** Version of the libsolv that the addon runs with. */
  libsolvVersion: string;
  /**
   * Every entry below root (root included), parents before children, siblings in byte order. Only the mount that root
   * lies on: a mount point inside shows as the directory underneath. Never follows a link. Fails with ENAMETOOLONG if a
   * path of the tree is longer than PATH_MAX as seen from /, and with EOVERFLOW beyond 2,000,000 entries.
   */
  scan(root: string): Promise<ScanEntry[]>;
  /** One file as scan shows it, under the given path and with inode 0; a link itself, not its target. */
  lstat(path: string | Buffer): Promise<ScanEntry>;
  /**
   * flock(2) without waiting: false if another process holds the lock. Waiting in the thread pool could block the work
   * that would release the lock.
   */
  flock(fd: number, mode: 'shared' | 'exclusive' | 'unlock'): Promise<boolean>;
  /**
   * mount(2) with the MS_* flags of <sys/mount.h>; relative paths in data are below directory. `owner` owns the files
   * that an overlay makes for itself. Only src/lib/host/mounts.ts calls it.
   */
  mount(
    source: string,
    target: string,
    type: string,
    flags: number,
    data: string,
    directory: string,
    owner: number,
  ): Promise<void>;
  /**
   * Bind-mounts a directory, without the mounts below it, with moved owners: the file system's IDs 0 to size - 1 appear
   * as start and up. EINVAL if the file system cannot do that, EPERM or ENOSPC without user namespaces, ENOSYS before
   * Linux 5.12. Only src/lib/host/mounts.ts calls it.
   */
  bindShifted(source: string, target: string, start: number, size: number): Promise<void>;
  /**
   * A new network namespace, kept by a mount on the file `network`. With a size above 0 it belongs to a new user
   * namespace with these IDs, kept on the file `user`. Only src/lib/container/space.ts calls it.
   */
  makeSpace(network: string, user: string, start: number, size: number): Promise<void>;
  /** umount2(2). Only src/lib/host/mounts.ts calls it. */
  unmount(target: string, flags: number): Promise<void>;
  /** openat2(2) with O_PATH and RESOLVE_BENEATH: EXDEV where a link, or `..`, leads out of root. Only src/lib/host/beneath.ts calls it. */
  openBeneath(root: string, path: string): Promise<number>;
  /**
   * Digests of regular files below root, by paths that each end with NUL: for each path one for each algorithm. Follows
   * no link and enters no mount below root. Rejects at the first file that cannot be read whole, with EINVAL for one
   * that is not regular. Stamped, each path has INODE CTIME (nanoseconds) behind its digests, from before the file was
   * read; all are empty for one that is not there or not regular. Only src/lib/host/hash-files.ts calls it.
   */
  hashFiles(
    root: string,
    paths: Buffer,
    algorithms: readonly string[],
    threads: number,
    isStamped: boolean,
  ): Promise<string[]>;
  /**
   * A file as a block device, which the kernel detaches with its last user. Read-only, a device that the file has
   * already is given again, by whichever process it was attached. The caller closes `fd` once the device is mounted.
   * Only src/lib/host/loop.ts calls it.
   */
  attachLoop(path: string, readOnly: boolean): Promise<{ device: string; fd: number }>;
  /** Gives the blocks of a file back that were allocated and never written; the size stays. */
  punchHoles(path: string): Promise<void>;
  /** syncfs(2) of the file system that path lies on. */
  syncfs(path: string): Promise<void>;
  /** mknod(2) with exactly the given mode, whatever the umask. */
  mknod(path: Buffer, mode: number, major: number, minor: number): Promise<void>;
  /** Sets the modification time alone, to the nanosecond; never follows a link. */
  setMtime(path: Buffer, seconds: number, nanoseconds: number): Promise<void>;
  /**
   * Bytes on disk and inodes of a tree, which may change while it is read. ENAMETOOLONG if it is deeper than any path.
   */
  usage(root: string): Promise<{ bytes: number; inodes: number }>;
  /** Begins a connection in the network namespace of an open descriptor (setns(2)); returns the socket's descriptor. */
  connectIn(space: number, address: string, port: number): Promise<number>;
  /** A bound socket in such a namespace, which Node listens on or sends with; port 0 is any. */
  bindIn(space: number, kind: 'tcp' | 'udp', address: string, port: number): Promise<number>;
  /** A tap device (tun.rst of the kernel) in such a namespace, for as long as its descriptor is open. */
  openTap(space: number, name: string): Promise<number>;
  /** Whether the connection is established; throws the error of one that failed. */
  isConnected(fd: number): Promise<boolean>;
  /** A bound, non-blocking unix datagram socket that every user may write to; gives its descriptor. */
  bindDatagram(directory: string, name: string): Promise<number>;
  /** The next datagram, at most 4096 bytes of it; undefined where none is there. */
  receiveDatagram(fd: number): Promise<Buffer | undefined>;
  /** Whether /dev/kvm makes virtual machines (KVM_CREATE_VM). */
  kvmWorks(): Promise<boolean>;
  /** The instructions of a filter as seccomp(2) takes them. Only src/lib/container/nspawn/order.ts calls it. */
  compileFilter(filter: object): Promise<Buffer>;
  /** Open descriptors of a pipe: reading end, writing end. */
  pipe(): [number, number];
  /**
   * Seizes a process that has yet to execute the program given as its /proc/PID/cmdline, and follows the programs that
   * it starts. `ended` resolves when the process has ended, and never if `seized` rejects. `words` is the writing end
   * of a pipe, which the process has as descriptor 3; the programs that it starts get that as standard output and
   * error. Only src/lib/container/trace.ts calls it.
   */
  followChildren(
    pid: number,
    commandLine: Buffer,
    words?: number,
  ): { seized: Promise<void>; ended: Promise<Trace> };
  setXattr(path: Buffer, name: string, value: Buffer): Promise<void>;
  removeXattr(path: Buffer, name: string): Promise<void>;
  /** BLKDISCARD of a whole block device. */
  discard(path: string): Promise<void>;
  /** Creates, loads and resumes. Only src/lib/host/device-mapper.ts calls this and the others of device-mapper. */
  dmCreate(name: string, uuid: string, table: readonly DmTarget[], readOnly: boolean): Promise<DmInfo>;
  /** Loads a table into the inactive slot; the next resume activates it. */
  dmReload(name: string, table: readonly DmTarget[]): Promise<void>;
  /** freeze: whether to flush and freeze a mounted file system while the device is suspended. */
  dmSuspend(name: string, freeze: boolean): Promise<void>;
  dmResume(name: string): Promise<void>;
  /** deferred: an open device is removed when its last user closes it; otherwise EBUSY. */
  dmRemove(name: string, deferred: boolean): Promise<void>;
  dmMessage(name: string, message: string): Promise<void>;
  dmStatus(name: string): Promise<DmTarget[]>;
  dmTable(name: string): Promise<DmTarget[]>;
  dmInfo(name: string): Promise<DmInfo>;
  dmList(): Promise<string[]>;
  /** Major, minor, patch; loads the target's module. */
  dmTargetVersion(target: string): Promise<number[]>;
}

/** The addon throws errno values, so that callers need not parse messages. */
export interface NativeError extends Error {
  code: string;
  errno: number;
  syscall: string;
  path: string;
}

/** Starts programs in containers of systemd-nspawn (native/enter). */
export const enterPath = fileURLToPath(new URL('../../../native/build/milliner-enter', import.meta.url));

const addonPath = fileURLToPath(new URL('../../../native/build/milliner.node', import.meta.url));
let loaded: Native | undefined;

export function native(): Native {
  if (loaded) return loaded;
  try {
    loaded = createRequire(import.meta.url)(addonPath) as Native;
  } catch (cause) {
    throw new MillinerError('HOST_MISSING', `the native addon does not load from ${addonPath}`, {
      hint: 'Build it with npm run setup.',
      cause,
    });
  }
  return loaded;
}
