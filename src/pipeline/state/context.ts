/** What every run of the pipeline needs: a state directory, progress, and a signal that stops it. */
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { asStorageError } from '../../lib/host/files.ts';
import type { Progress } from '../../lib/host/progress.ts';
import { requireSafeEntries, requireSafePath, makeDirectory } from '../../lib/host/safe-place.ts';
import { ContentStore } from '../../stages/content/store.ts';
import { openSnapshots } from '../../stages/snapshot/open-snapshotter.ts';
import type { Storage } from '../../stages/snapshot/storages.ts';
import type { Snapshotter } from '../../stages/snapshot/snapshotter.ts';
import type { Exchange } from './blob-exchange.ts';
import type { Sharing } from './sharing.ts';
import { removeDeadWorkspaces } from './workspace.ts';

export interface RunOptions {
  /** The state directory. */
  state: string;
  storage: Storage;
  progress: Progress;
  signal?: AbortSignal | undefined;
  /** Whether scriptlets and instances may run as the host's root if the kernel cannot separate them. */
  allowHostRoot?: boolean | undefined;
  /** Send no requests to repositories and registries: use only the state and local directories. */
  offline?: boolean | undefined;
  /** Repositories whose metadata may be older than metadata seen before. */
  allowOlder?: readonly string[] | undefined;
}

/** The state without its snapshots: opening those writes to their database, even if nothing else does. */
export interface StateContext extends RunOptions {
  /** Where workers exchange blobs; absent where they share this state. */
  exchange?: Exchange | undefined;
  /** Only while a night is planned. */
  sharing?: Sharing | undefined;
  content: ContentStore;
}

export interface Context extends StateContext {
  snapshots: Snapshotter;
  /** The reason for the choice of snapshotter, shown to people. */
  why: string;
  /** Releases this process's locks on the state. Must be called however the run ends. */
  close(): Promise<void>;
}

/**
 * Directories below the state directory. They are created here, so that their modes do not depend on which module
 * writes first.
 */
const folders = [
  'bases',
  'blobs',
  'boots',
  'deliveries',
  'downloads',
  'former',
  'frames',
  'generations',
  'github',
  'images',
  'indexes',
  'ingest',
  'layers',
  'locks',
  'metadata',
  'nights',
  'proved',
  'published',
  'sboms',
  'secrets',
  'seen',
  'sets',
  'stacks',
  'starts',
  'toolroots',
  'verdicts',
  'volumes',
];

/** Opens the state, and removes the containers, mounts, snapshots and files of dead runs. */
export async function openContext(options: RunOptions): Promise<Context> {
  return addSnapshots(await openState(options));
}

/** Opens the state but for its snapshots. If no run has died, only missing directories are written. */
async function openState(options: RunOptions): Promise<StateContext> {
  if (process.getuid?.() !== 0)
    throw new MillinerError('NOT_ROOT', 'this command needs root: it mounts file systems and sets owners');
  // The modes of new files must not depend on the umask of the caller.
  process.umask(0o022);
  try {
    requireSafePath(options.state);
    // Layers contain files that only the image's root may read; verdicts contain the output of services.
    for (const name of ['', ...folders]) {
      await makeDirectory(join(options.state, name), 0o700);
    }
    // Another process may have created the directory in the meantime.
    requireSafePath(options.state);
    await requireSafeEntries(options.state);
    const content = await ContentStore.open(options.state);
    // Containers first, because they use the snapshots.
    await removeDeadWorkspaces(options.state);
    return { ...options, content };
  } catch (error) {
    throw unusable(error, options.state) ?? asStorageError(error, options.state);
  }
}

async function addSnapshots(context: StateContext): Promise<Context> {
  const { state, storage, progress } = context;
  try {
    const { snapshots, reason: why, warning } = await openSnapshots(state, storage);
    if (warning !== undefined) progress.warn(warning);
    return { ...context, snapshots, why, close: () => snapshots.close() };
  } catch (error) {
    throw unusable(error, state) ?? asStorageError(error, state);
  }
}

/** Runs fn with the state open, but for its snapshots. */
export async function withState<T>(
  options: RunOptions,
  fn: (context: StateContext) => Promise<T>,
): Promise<T> {
  return fn(await openState(options));
}

/** Runs fn with the snapshots open, too, for a step that most runs do not need. */
export async function withSnapshots<T>(
  context: StateContext,
  fn: (context: Context) => Promise<T>,
): Promise<T> {
  if (isOpen(context)) return fn(context);
  const opened = await addSnapshots(context);
  try {
    return await fn(opened);
  } finally {
    await opened.close();
  }
}

const isOpen = (context: StateContext): context is Context => 'snapshots' in context;

/** Runs fn with the state open, and closes it however fn ends. */
export async function withContext<T>(options: RunOptions, fn: (context: Context) => Promise<T>): Promise<T> {
  return withSnapshots(await openState(options), fn);
}

function unusable(error: unknown, state: string): MillinerError | undefined {
  const { code, syscall } = error as NodeJS.ErrnoException;
  // Creating a directory fails with ENOENT in /proc and EPERM in /sys.
  const refused =
    ['EROFS', 'EACCES', 'EPERM'].includes(code ?? '') || (code === 'ENOENT' && syscall === 'mkdir');
  if (!refused && code !== 'ENOTDIR' && code !== 'EEXIST') return undefined;
  const what = refused ? 'cannot be written to' : 'is not a directory';
  return new MillinerError('STATE_INVALID', `${state} ${what}`, { cause: error, details: { path: state } });
}
