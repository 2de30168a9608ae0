/** The base of every command: flags, progress, signals, and errors, with and without --json. */
import { Command, Flags } from '@oclif/core';
import { MillinerError } from '../lib/errors/error.ts';
import { asStorageError, withoutLinks } from '../lib/host/files.ts';
import { printable, printableJson } from '../lib/host/printable.ts';
import { requireSafePath } from '../lib/host/safe-place.ts';
import type { Context, RunOptions, StateContext } from '../pipeline/state/context.ts';
import { asQueueError } from '../queue/replies.ts';
import { bytesOf } from '../stages/recipe/quantities.ts';
import { storages, type Storage } from '../stages/snapshot/storages.ts';
import { terminalProgress } from './terminal.ts';

/** Milliseconds after which a finished command exits although something keeps it alive. */
const exitDelay = 1000;

/** What the flags of a command say about its run. */
export interface RunFlags {
  state: string;
  storage: Storage;
  'allow-host-root': boolean;
  offline?: boolean;
  'allow-older'?: readonly string[] | undefined;
}

export abstract class MillinerCommand extends Command {
  static override enableJsonFlag = true;
  static override baseFlags = {
    state: Flags.string({
      summary: 'directory for everything that is kept',
      env: 'MILLINER_STATE',
      default: '/var/lib/milliner',
      helpGroup: 'GLOBAL',
    }),
    storage: Flags.option({ options: storages })({
      summary:
        'how snapshots are kept; auto is dm-thin where a pool is set up (milliner pool create), else overlay',
      env: 'MILLINER_STORAGE',
      default: 'auto',
      helpGroup: 'GLOBAL',
    }),
    'allow-host-root': Flags.boolean({
      summary:
        "where the kernel cannot keep them apart, scriptlets and instances may have the host's root, held by capabilities and seccomp alone",
      env: 'MILLINER_ALLOW_HOST_ROOT',
      default: false,
      helpGroup: 'GLOBAL',
    }),
    debug: Flags.boolean({ summary: 'show where an error comes from', default: false, helpGroup: 'GLOBAL' }),
  };

  readonly #stop = new AbortController();
  readonly #terminal = terminalProgress(process.stderr);

  /** Parses a size in bytes. Throws USAGE. */
  protected sizeOf(flag: string, text: string): number {
    const factor = text.endsWith('T') ? 1024 : 1;
    const size = text.replace(/T$/, 'G');
    if (/^[1-9]\d{0,14}[KMG]?$/.test(size)) return bytesOf(size) * factor;
    throw new MillinerError('USAGE', `${flag} ${text} is not a size such as 512M, 20G or 1T`);
  }

  override async init(): Promise<void> {
    await super.init();
    // The first signal lets the command roll back; a second one ends it at once. The listener stays after that: execa
    // ends the process by itself if it finds no other listener.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        const interrupted = new MillinerError('INTERRUPTED', `stopped by ${signal}`);
        if (this.#stop.signal.aborted) process.exit(interrupted.exitCode);
        this.#stop.abort(interrupted);
      });
    }
    process.once('beforeExit', this.#unfinished);
  }

  protected runOptions(flags: RunFlags): RunOptions {
    const { storage, offline, 'allow-host-root': allowHostRoot, 'allow-older': allowOlder } = flags;
    const state = withoutLinks(flags.state);
    // Checked even for commands that only read: an account that can write to the state directory decides what they
    // answer.
    requireSafePath(state);
    const { signal } = this.#stop;
    return { state, storage, allowHostRoot, offline, allowOlder, progress: this.#terminal, signal };
  }

  /** Runs fn with the state directory of the flags open. */
  protected async withContext<T>(flags: RunFlags, fn: (context: Context) => Promise<T>): Promise<T> {
    const { withContext } = await import('../pipeline/state/context.ts');
    return withContext(this.runOptions(flags), fn);
  }

  /** For commands that read: without the snapshots, which cannot be opened without writing. */
  protected async withState<T>(flags: RunFlags, fn: (context: StateContext) => Promise<T>): Promise<T> {
    const { withState } = await import('../pipeline/state/context.ts');
    return withState(this.runOptions(flags), fn);
  }

  override log(message = ''): void {
    super.log(printable(message));
  }

  override logToStderr(message = ''): void {
    super.logToStderr(printable(message));
  }

  override logJson(value: unknown): void {
    process.stdout.write(`${printableJson(JSON.stringify(value, null, 2))}\n`);
  }

  override warn<T extends Error | string>(problem: T): T {
    this.#terminal.warn(typeof problem === 'string' ? problem : problem.message);
    return problem;
  }

  /**
   * Node exits with success when nothing can wake it up, even if a promise is still pending. Report that as an error.
   */
  readonly #unfinished = (): void => {
    void this.catch(new MillinerError('INTERNAL', 'the command waits for a result that can never come'));
  };

  /**
   * For a command that a worker starts: a worker that dies sends no signal, but the kernel closes the channel. Others keep on:
   * who starts instances detached closes the channel on purpose.
   */
  protected endWithWorker(): void {
    if (process.channel) process.once('disconnect', this.#orphaned);
  }

  readonly #orphaned = (): void => {
    this.#stop.abort(new MillinerError('INTERRUPTED', 'the worker that started it has ended'));
  };

  protected override async finally(error: Error | undefined): Promise<void> {
    process.off('beforeExit', this.#unfinished);
    // A listener would keep the channel open, and the process with it.
    process.off('disconnect', this.#orphaned);
    this.#terminal.end();
    await super.finally(error);
    // BullMQ keeps trying to reach a Redis after the connection is closed. It must not keep a finished command alive.
    setTimeout(() => process.exit(), exitDelay).unref();
  }

  protected override async catch(error: Error & { exitCode?: number }): Promise<unknown> {
    this.#terminal.end();
    const known = this.#known(error);
    if (!known) {
      error.message = printable(error.message);
      return super.catch(error);
    }
    process.exitCode = known.exitCode;
    if (this.jsonEnabled()) this.logJson(this.toErrorJson(known));
    else {
      const hint = known.hint ? `  ${known.hint}\n` : '';
      const debug = this.argv.includes('--debug') ? `${trace(error)}\n` : '';
      process.stderr.write(printable(`${known.code}: ${known.message}\n${hint}${debug}`));
    }
    return undefined;
  }

  /** Undefined for oclif's own errors about usage, which oclif prints. */
  #known(error: Error): MillinerError | undefined {
    // An interrupt from the terminal also ends our child processes. Their failures are then not worth a report.
    if (this.#stop.signal.aborted) return this.#stop.signal.reason as MillinerError;
    if (error instanceof MillinerError) return error;
    if ('oclif' in error && !this.jsonEnabled()) return undefined;
    if ('oclif' in error) return new UsageError(error.message, error);
    const queue = asQueueError(error);
    if (queue) return queue;
    const storage = asStorageError(error, (error as NodeJS.ErrnoException).path ?? 'a file');
    if (storage instanceof MillinerError) return storage;
    return new MillinerError('INTERNAL', error.message, { cause: error });
  }

  protected override toErrorJson(error: unknown): unknown {
    const { code, message, hint, place, details } = error as MillinerError;
    return { error: { code, message, hint, ...place, ...(Object.keys(details).length > 0 && { details }) } };
  }
}

class UsageError extends MillinerError {
  constructor(message: string, cause: unknown) {
    super('USAGE', message, { cause });
  }
}

function trace(error: Error): string {
  const causes: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) causes.push(at.stack ?? at.message);
  return causes.join('\ncaused by: ');
}
