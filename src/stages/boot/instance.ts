/** A running instance of an image, whatever isolates it, from start to removal. */
import type { GroupState } from '../../lib/container/cgroups.ts';
import type { ExecOptions } from '../../lib/container/followed-program.ts';
import type { Container } from '../../lib/container/runtime.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import type { RunResult } from '../../lib/host/exec.ts';
import type { RuntimeConfig } from '../image/image.ts';
import type { Space } from '../snapshot/snapshotter.ts';
import type { Handed } from './handed.ts';
import type { Limits } from './limit-resources.ts';
import type { Membership, OwnNetwork } from './membership.ts';
import type { Dial, NetworkAccess } from './network-access.ts';
import type { BootPlan } from './plan.ts';

export interface InstanceOptions extends Container {
  /** A mounted, writable tree that nothing else uses, with its owners moved into the IDs if there are any. */
  rootfs: string;
  /** IDs of its user namespace; without them its root is the host's root. */
  ids?: IdRange | undefined;
  image: RuntimeConfig;
  /** Whether systemd is the first process. */
  init: boolean;
  /** Version of the image's systemd, if it is known. */
  systemd?: number | undefined;
  hostname: string;
  limits: Limits;
  /** Numbers of the block devices that its tree lies on, MAJOR:MINOR; for limits on them. */
  devices?: readonly string[];
  /** What its recipe says about its network. */
  wanted?: Pick<BootPlan, 'network' | 'egress'>;
  /** Whether ports of it will be published. */
  isPublished?: boolean;
  /** Its place in a private network, made for its IDs; without one it has a network of its own. */
  membership?: Membership | undefined;
  /** Begun beside its tree by Backend.beginNetwork. */
  ownNetwork?: Promise<OwnNetwork> | undefined;
  /** Files and volumes of a stack. */
  handed?: Handed | undefined;
  /** Called with each line of output, cut to 4096 characters. */
  onLine: (line: string) => void;
  /** Called with the number of bytes of output. */
  onOutput?: (bytes: number) => void;
}

export interface Ended {
  /** Undefined if a signal ended the runtime itself. */
  exitCode: number | undefined;
  /** The kernel's counters at the end. */
  group: GroupState;
}

/** The instance's program cannot be started, which is a fault of the image. */
export class StartError extends Error {}

export interface Instance {
  readonly id: string;
  /** Whether systemd is its first process. */
  readonly init: boolean;
  /** Milliseconds of the host's monotonic clock, on which all times of an instance are told. */
  readonly startedAt: number;
  /** Milliseconds to add to the time of its own monotonic clock. */
  readonly clockAhead: number;
  /** Release of its own kernel, where it has one. */
  readonly kernel?: string;
  readonly notifications: Notified;
  /** Absent if it ended at once. */
  readonly network: NetworkAccess | undefined;
  /** Connects from inside, where it is not done from its space. */
  readonly dial?: Dial;
  /** The signal that asks it to stop. */
  readonly stopSignal: string;
  /** Resolves when the first process has ended, in any way. */
  readonly ended: Promise<Ended>;
  readonly hasEnded: Ended | undefined;
  /** Throws INTERRUPTED; exit code 255 if the program cannot be started. */
  exec(args: readonly string[], options: ExecOptions): Promise<ExecResult>;
  group(): Promise<GroupState>;
  /** What is left of its disk, where it has one of its own; otherwise the tree's space counts. */
  readonly space?: () => Promise<Space>;
  /** Sends the stop signal; false if it had to be killed after `timeout` milliseconds. */
  stop(timeout: number): Promise<boolean>;
  kill(): Promise<void>;
  /** Removes all that it had on the host. The tree belongs to the caller. */
  remove(): Promise<void>;
}

export type ExecResult = RunResult & { timedOut: boolean };

/** What it has said by sd_notify(3). */
export interface Notified {
  /** Milliseconds of the monotonic clock of the first READY=1. */
  readonly readyAt: number | undefined;
  /** The latest STATUS=, for a person to read. */
  readonly status: string;
}

/** systemd takes SIGTERM for a request to re-execute itself. */
export function stopSignalOf({ stopSignal }: RuntimeConfig, init: boolean): string {
  return stopSignal ?? (init ? 'SIGRTMIN+3' : 'SIGTERM');
}
