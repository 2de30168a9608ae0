/** What isolates an instance: how one is started, and how a running one is reached from another process. */
import type { BackendName } from '../../lib/container/backend-names.ts';
import type { ExecOptions } from '../../lib/container/followed-program.ts';
import type { Container } from '../../lib/container/runtime.ts';
import type { ExecResult, Instance, InstanceOptions } from './instance.ts';
import type { OwnNetwork } from './membership.ts';
import type { NetworkOptions } from './own-network.ts';
import type { BootPlan } from './plan.ts';

/** Something of a recipe that a backend cannot do. */
export interface Lack {
  /** The key of the recipe, such as `test.limits.bandwidth`. */
  key: string;
  reason: string;
}

export interface Backend {
  readonly name: BackendName;
  /** With its version, for the verdict: `runc 1.1.5`. */
  readonly title: string;
  /** Whether an instance has a disk of its own, made from the tree; then the tree is only read, and its owners stay. */
  readonly ownDisk: boolean;
  /**
   * Why it does not work on this host, found by starting something; undefined if it does.
   * @param place hasIds: whether instances have a user namespace
   */
  problem?(place: Container & { hasIds: boolean }): Promise<string | undefined>;
  /** Whether its instances can be members of a private network, and see files and volumes of the host. */
  readonly joinsNetworks?: boolean;
  /** What it cannot do of a plan; asked before anything is started. */
  lacks(plan: BootPlan): Promise<Lack[]>;
  /**
   * Begins the network of its own that an instance may need: it takes as long as the tree, and needs nothing of it. The
   * caller closes it too. Throws HOST_MISSING.
   */
  beginNetwork?(options: NetworkOptions): Promise<OwnNetwork>;
  /** Throws StartError, or HOST_MISSING if the host cannot enforce a limit; then nothing is left. */
  start(options: InstanceOptions): Promise<Instance>;
  /** Of an instance that another process supervises. */
  reach(place: Container): Reach;
}

export interface Reach {
  /** Throws INTERRUPTED; exit code 255 if the program cannot be started. */
  exec(args: readonly string[], options: ExecOptions): Promise<ExecResult>;
  /** With this process's terminal or pipes; returns the exit code. */
  attach(args: readonly string[], signal: AbortSignal | undefined): Promise<number>;
  /** Writes its output to this process's, made printable. */
  show(args: readonly string[], signal: AbortSignal | undefined): Promise<void>;
  /** Signals the first process; a missing one is no error. */
  signal(name: string): Promise<void>;
  /** Stops all its processes, or lets them go on; absent where the backend cannot. */
  pause?(what: 'pause' | 'resume'): Promise<void>;
}
