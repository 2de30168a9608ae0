/** Reads units from an instance's systemd. The answers come from the image, and are not trusted. */
import type { ExecOptions } from '../../lib/container/followed-program.ts';
import type { Instance } from './instance.ts';

export interface Unit {
  name: string;
  /** LoadState: loaded, not-found, masked, bad-setting and others. */
  load: string;
  active: string;
  sub: string;
  /** success, exit-code, signal, timeout, oom-kill and others. */
  result: string;
  /** Number of automatic restarts. */
  restarts: number;
  /** Exit status of its main process. */
  exitStatus: number;
  /** Milliseconds of the monotonic clock when it last became active; 0 if never. */
  activeAt: number;
  /** For a service: oneshot, notify and others. */
  type: string;
  /** Milliseconds of the monotonic clock when its main process last ended; 0 if never. */
  doneAt: number;
  /** Milliseconds of the monotonic clock when it last began to start, began to stop, and ended; 0 if never. */
  beganAt: number;
  stoppedAt: number;
  endedAt: number;
  /** Whether systemd has yet to start or stop it. */
  hasJob: boolean;
  /** Units that may start it again: its sockets, timers and paths, and those that uphold it. */
  startedBy: string[];
  /** Units that its failure starts. */
  onFailure: string[];
}

const properties = [
  'Id',
  'LoadState',
  'ActiveState',
  'SubState',
  'Result',
  'NRestarts',
  'ExecMainStatus',
  'ActiveEnterTimestampMonotonic',
  'Type',
  'ExecMainExitTimestampMonotonic',
  'InactiveExitTimestampMonotonic',
  'ActiveExitTimestampMonotonic',
  'InactiveEnterTimestampMonotonic',
  'Job',
  'TriggeredBy',
  'UpheldBy',
  'OnFailure',
].join(',');
/** Milliseconds for an answer of systemd. */
export const askTimeout = 20_000;
const maxUnits = 10_000;
/** systemd's UNIT_NAME_MAX; most other values are short words, and lists of names are cut. */
const maxValueLength = 256;
const maxListed = 16;

/** Milliseconds for the answer, and an abort signal. */
export type AskOptions = Pick<ExecOptions, 'timeout' | 'signal'>;

/** Every loaded unit and the requested one; undefined while systemd does not answer yet. */
export async function listUnits(
  instance: Instance,
  requested: string | undefined,
  options: AskOptions,
): Promise<Unit[] | undefined> {
  const names = requested === undefined ? ['*'] : [requested, '*'];
  const args = ['systemctl', 'show', '--no-pager', `--property=${properties}`, '--', ...names];
  const { exitCode, stdout } = await instance.exec(args, options);
  if (exitCode !== 0) return undefined;
  const onHost = (time: number) => (time === 0 ? 0 : time + instance.clockAhead);
  return parseUnits(stdout).map((unit) => ({
    ...unit,
    activeAt: onHost(unit.activeAt),
    doneAt: onHost(unit.doneAt),
    beganAt: onHost(unit.beganAt),
    stoppedAt: onHost(unit.stoppedAt),
    endedAt: onHost(unit.endedAt),
  }));
}

/** Blocks of NAME=VALUE lines separated by an empty line (systemctl(1), show); too many or too long ones are cut. */
export function parseUnits(text: string): Unit[] {
  const blocks = text.split(/\n\n+/).slice(0, maxUnits);
  return blocks.flatMap((block) => {
    const value = new Map<string, string>();
    for (const line of block.split('\n')) {
      const at = line.indexOf('=');
      if (at > 0) value.set(line.slice(0, at), line.slice(at + 1, at + 1 + maxValueLength));
    }
    const name = value.get('Id');
    if (!name) return [];
    return {
      name,
      load: value.get('LoadState') ?? '',
      active: value.get('ActiveState') ?? '',
      sub: value.get('SubState') ?? '',
      result: value.get('Result') ?? '',
      restarts: numberOf(value.get('NRestarts')),
      exitStatus: numberOf(value.get('ExecMainStatus')),
      activeAt: numberOf(value.get('ActiveEnterTimestampMonotonic')) / 1000,
      type: value.get('Type') ?? '',
      doneAt: numberOf(value.get('ExecMainExitTimestampMonotonic')) / 1000,
      beganAt: numberOf(value.get('InactiveExitTimestampMonotonic')) / 1000,
      stoppedAt: numberOf(value.get('ActiveExitTimestampMonotonic')) / 1000,
      endedAt: numberOf(value.get('InactiveEnterTimestampMonotonic')) / 1000,
      hasJob: numberOf(value.get('Job')) > 0,
      startedBy: ['TriggeredBy', 'UpheldBy'].flatMap((key) => namesIn(value.get(key))),
      onFailure: namesIn(value.get('OnFailure')),
    };
  });
}

const namesIn = (text = '') => text.split(' ').filter(Boolean).slice(0, maxListed);

export function numberOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,18}$/.test(text) ? Number(text) : 0;
}

/** systemd.exec(5), "Process exit codes": steps of systemd that failed before the program ran. */
const exitStatuses: Record<number, string> = {
  200: 'its working directory is missing (CHDIR)',
  203: 'its program cannot be executed (EXEC)',
  205: 'its limits cannot be set (LIMITS)',
  208: 'its standard input cannot be set up (STDIN)',
  209: 'its standard output cannot be set up (STDOUT)',
  216: 'its group is missing (GROUP)',
  217: 'its user is missing (USER)',
  218: 'its capabilities cannot be set (CAPABILITIES)',
  226: 'its mounts cannot be set up (NAMESPACE)',
  227: 'its no-new-privileges flag cannot be set (NO_NEW_PRIVILEGES)',
  228: 'its system call filter cannot be set (SECCOMP)',
  233: 'its runtime directory cannot be made (RUNTIME_DIRECTORY)',
  238: 'its state directory cannot be made (STATE_DIRECTORY)',
  240: 'its log directory cannot be made (LOGS_DIRECTORY)',
};

export function describeFailure({ name, result, exitStatus }: Unit): string {
  if (result !== 'exit-code') return `${name} failed: ${result}`;
  const meaning = exitStatuses[exitStatus] ?? (exitStatus === 127 ? 'not found, or a library of it' : '');
  return `${name} failed: exit status ${exitStatus}${meaning && `, ${meaning}`}`;
}
