/** The times of units and the stages of a boot, as systemd tells them (systemd-analyze(1), plot and time). */
import type { Instance } from './instance.ts';
import { maxUnitTimes, type BootStage, type UnitTimes } from './evidence.ts';
import { numberOf, type AskOptions, type Unit } from './units.ts';

/** Milliseconds of the instance's monotonic clock; 0 for a stage that it does not have. */
export interface StageTimes {
  /** Before the kernel: its clock begins with the kernel, so that these count backwards. */
  firmware: number;
  loader: number;
  initrd: number;
  userspace: number;
  finish: number;
  /** Whether the clock began with the instance: a container has no kernel of its own. */
  ownKernel: boolean;
}

const properties = {
  firmware: 'FirmwareTimestampMonotonic',
  loader: 'LoaderTimestampMonotonic',
  initrd: 'InitRDTimestampMonotonic',
  userspace: 'UserspaceTimestampMonotonic',
  finish: 'FinishTimestampMonotonic',
} as const;
/** A date; empty in a container. */
const kernelProperty = 'KernelTimestamp';

/** Undefined if systemd does not tell. */
export async function readStageTimes(
  instance: Instance,
  options: AskOptions,
): Promise<StageTimes | undefined> {
  const wanted = [...Object.values(properties), kernelProperty].join(',');
  const args = ['systemctl', 'show', '--no-pager', `--property=${wanted}`];
  const { exitCode, stdout } = await instance.exec(args, options);
  return exitCode === 0 ? parseStageTimes(stdout) : undefined;
}

export function parseStageTimes(text: string): StageTimes | undefined {
  const lines = new Map(text.split('\n', 100).map((line) => line.split('=', 2) as [string, string]));
  const times = Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, numberOf(lines.get(property)) / 1000]),
  );
  const ownKernel = (lines.get(kernelProperty) ?? '') !== '';
  return times['userspace'] === 0 ? undefined : ({ ...times, ownKernel } as StageTimes);
}

/** Those that took time. */
export function stagesOf(times: StageTimes): BootStage[] {
  const { firmware, loader, initrd, userspace, finish, ownKernel } = times;
  const stages: [BootStage['stage'], number][] = [
    ['firmware', firmware > 0 ? firmware - loader : 0],
    ['loader', loader],
    ['kernel', ownKernel ? initrd || userspace : 0],
    ['initrd', initrd > 0 ? userspace - initrd : 0],
    ['userspace', finish - userspace],
  ];
  return stages
    .filter(([, milliseconds]) => milliseconds > 0)
    .map(([stage, milliseconds]) => ({ stage, seconds: seconds(milliseconds) }));
}

/**
 * Those that did something since systemd has begun, in the order in which they began.
 * @param userspace milliseconds of the clock on which the units' times are
 */
export function unitTimesOf(units: readonly Unit[], userspace: number): UnitTimes[] {
  const since = (name: 'active' | 'stop' | 'end', at: number, from: number) =>
    at >= from ? { [name]: seconds(at - userspace) } : {};
  return units
    .filter(({ beganAt }) => beganAt >= userspace)
    .toSorted((a, b) => a.beganAt - b.beganAt)
    .slice(0, maxUnitTimes)
    .map(({ name, active, beganAt, activeAt, stoppedAt, endedAt }) => ({
      unit: name,
      state: active.slice(0, 32),
      start: seconds(beganAt - userspace),
      // A time before its last start is of an earlier run.
      ...since('active', activeAt, beganAt),
      ...since('stop', stoppedAt, beganAt),
      ...since('end', endedAt, beganAt),
    }));
}

const seconds = (milliseconds: number) => Math.round(milliseconds) / 1000;
