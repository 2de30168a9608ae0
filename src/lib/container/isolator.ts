/** What an instance needs of the program that isolates it: an OCI runtime, or systemd-nspawn. */
import type { Readable } from 'node:stream';
import type { OciConfig } from './oci-config.ts';
import type { ExecOptions } from './followed-program.ts';
import type { Container } from './runtime.ts';
import type { RunResult } from '../host/exec.ts';

/** A first process that was started, or is about to be. */
export interface FirstProcess {
  stdout: Readable;
  stderr: Readable;
  /** Resolves with its exit code at its end; undefined if a signal ended what isolates it. */
  ended: Promise<number | undefined>;
}

export interface Isolator {
  /** Directories at the root of an image that it mounts on: a link there could lead to the host. */
  readonly mountPoints: readonly string[];
  /** Whether it starts a container in network namespaces that are there already; otherwise it makes its own. */
  readonly joinsSpaces: boolean;
  /** @param link called with a process in the namespace that it makes, before the program starts */
  start(
    container: Container,
    config: OciConfig,
    link?: (pid: number) => Promise<void>,
  ): Promise<FirstProcess>;
  /** Why the image's program was not started, once the first process has ended; undefined if it was. */
  startFailure(container: Container): Promise<string | undefined>;
  /** Host process ID of the image's program as the first process; undefined if it does not run. */
  pid(container: Container): Promise<number | undefined>;
  /** With the user, environment and limits of the first one. Throws INTERRUPTED; exit code 255 if it cannot be started. */
  exec(
    container: Container,
    args: readonly string[],
    options: ExecOptions,
  ): Promise<RunResult & { timedOut: boolean }>;
  /** With this process's terminal or pipes; returns the exit code. */
  attach(container: Container, args: readonly string[], signal: AbortSignal | undefined): Promise<number>;
  /** With its output, made printable, as this process's. */
  show(container: Container, args: readonly string[], signal: AbortSignal | undefined): Promise<void>;
  /** Signals the first process; a missing one is no error. */
  signal(container: Container, name: string): Promise<void>;
  /** Stops all its processes, or lets them go on; absent where that cannot be done. */
  pause?(container: Container, what: 'pause' | 'resume'): Promise<void>;
  remove(container: Container): Promise<void>;
}
