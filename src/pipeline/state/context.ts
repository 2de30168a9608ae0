/** What every run of the pipeline has: its state directory, where to tell progress, and how to be stopped. */
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { asStorageError } from '../../lib/host/files.ts';
import type { Progress } from '../../lib/host/progress.ts';
import { requireSafeEntries, requireSafePath, makeDirectory } from '../../lib/host/safe-place.ts';
import { ContentStore } from '../../stages/content/store.ts';
import { openSnapshots, type Storage } from '../../stages/snapshot/open-snapshotter.ts';
import type { Snapshotter } from '../../stages/snapshot/snapshotter.ts';
import type { Exchange } from './blob-exchange.ts';
import { removeDeadWorkspaces } from './workspace.ts';

export interface RunOptions {
  /** The state directory. */
  state: string;
  storage: Storage;
  progress: Progress;
  signal?: AbortSignal | undefined;
  /** Where the kernel cannot keep them apart, scriptlets and instances may have the host's root. */
  allowHostRoot?: boolean | undefined;
  /** No repository or registry is asked for anything: only what is in the state, and directories. */
  offline?: boolean | undefined;
  /** Repositories whose metadata may be older than what was seen of them. */
  allowOlder?: readonly string[] | undefined;
}

export interface Context extends RunOptions {
  /** Where other machines leave blobs; absent where nobody has any but this state. */
  exchange?: Exchange | undefined;
  content: ContentStore;
  snapshots: Snapshotter;
  /** Why its snapshotter is the one that it is, for people. */
  why: string;
  /** Gives up this process's hold on the state; to be called however the run ended. */
  close(): Promise<void>;
}

/** All that is made below the state directory, whoever made that. */
const folders = [
  'bases',
  'blobs',
  'downloads',
  'former',
  'frames',
  'images',
  'ingest',
  'layers',
  'locks',
  'metadata',
  'published',
  'seen',
  'toolroots',
  'verdicts',
];

/** Opens the state and clears what runs that died have left: containers, mounts, snapshots, files. */
export async function openContext(options: RunOptions): Promise<Context> {
  if (process.getuid?.() !== 0)
    throw new MillinerError('NOT_ROOT', 'this command needs root: it mounts file systems and sets owners');
  // Modes of what is made here must not depend on who runs it.
  process.umask(0o022);
  try {
    requireSafePath(options.state);
    // Layers hold files that only the image's root may read, verdicts what its services have said.
    for (const name of ['', ...folders]) {
      await makeDirectory(join(options.state, name), 0o700);
    }
    // Others may have been faster.
    requireSafePath(options.state);
    await requireSafeEntries(options.state);
    const content = await ContentStore.open(options.state);
    // Containers before the trees that they stand on.
    await removeDeadWorkspaces(options.state);
    const { snapshots, reason: why, warning } = await openSnapshots(options.state, options.storage);
    if (warning !== undefined) options.progress.warn(warning);
    return { ...options, content, snapshots, why, close: () => snapshots.close() };
  } catch (error) {
    throw unusable(error, options.state) ?? asStorageError(error, options.state);
  }
}

/** Runs fn with the state open, and gives it up however fn ends. */
export async function withContext<T>(options: RunOptions, fn: (context: Context) => Promise<T>): Promise<T> {
  const context = await openContext(options);
  try {
    return await fn(context);
  } finally {
    await context.close();
  }
}

function unusable(error: unknown, state: string): MillinerError | undefined {
  const { code, syscall } = error as NodeJS.ErrnoException;
  // /proc says ENOENT, /sys EPERM.
  const refused =
    ['EROFS', 'EACCES', 'EPERM'].includes(code ?? '') || (code === 'ENOENT' && syscall === 'mkdir');
  if (!refused && code !== 'ENOTDIR' && code !== 'EEXIST') return undefined;
  const what = refused ? 'cannot be written to' : 'is not a directory';
  return new MillinerError('STATE_INVALID', `${state} ${what}`, { cause: error, details: { path: state } });
}
