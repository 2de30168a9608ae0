/** Waits until an instance is ready as its recipe defines it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonic } from './clock.ts';
import type { Instance } from './instance.ts';
import { Finding } from './finding.ts';
import type { BootPlan } from './plan.ts';
import { describeFailure, listUnits, askTimeout, type Unit } from './units.ts';

const pollMilliseconds = 300;
/** Milliseconds, so that an attempt at the last moment can still succeed. */
const minAttemptTimeout = 2000;

/** Returns the monotonic time at which it was ready. Throws Finding if it cannot become ready, or not in time. */
export async function waitUntilReady(
  instance: Instance,
  plan: BootPlan,
  signal: AbortSignal,
): Promise<number> {
  const { unit, notify, exit } = plan.ready;
  const deadline = instance.startedAt + plan.readyTimeout;
  if (exit !== undefined) return waitForExit(instance, exit, deadline, signal);
  if (unit !== undefined) return waitForUnit(instance, plan, unit, deadline, signal);
  if (plan.init || notify) return waitForNotification(instance, deadline, plan.init, signal);
  return instance.startedAt;
}

async function waitForNotification(
  { notifications }: Instance,
  deadline: number,
  init: boolean,
  signal: AbortSignal,
): Promise<number> {
  while (notifications.readyAt === undefined) {
    if (monotonic() > deadline) {
      const who = init ? 'systemd has not reported that it is up' : 'it has not sent READY=1';
      const status = notifications.status && `; its status is: ${notifications.status}`;
      throw new Finding('not-ready', `${who}${status}`);
    }
    await sleep(pollMilliseconds / 6, undefined, { signal });
  }
  return notifications.readyAt;
}

async function waitForExit(
  instance: Instance,
  wanted: number,
  deadline: number,
  signal: AbortSignal,
): Promise<number> {
  while (!instance.hasEnded) {
    if (monotonic() > deadline) throw new Finding('not-ready', 'it has not come to its end');
    await sleep(pollMilliseconds / 6, undefined, { signal });
  }
  const { exitCode } = instance.hasEnded;
  if (exitCode === wanted) return monotonic();
  throw new Finding('exited', `it exited with ${exitCode} where ${wanted} was expected`);
}

async function waitForUnit(
  instance: Instance,
  plan: BootPlan,
  name: string,
  deadline: number,
  signal: AbortSignal,
): Promise<number> {
  for (;;) {
    const remaining = deadline - monotonic();
    const timeout = Math.min(askTimeout, Math.max(remaining, minAttemptTimeout));
    const units = await listUnits(instance, name, { timeout, signal });
    // A unit that is requested by an alias reports its own name. The requested unit comes first.
    const unit = units?.[0];
    if (unit?.active === 'active') return activeSince(unit, instance);
    if (unit && hasDoneItsWork(unit)) return activeSince({ ...unit, activeAt: unit.doneAt }, instance);
    if (unit?.active === 'failed') throw new Finding('unit-failed', describeFailure(unit), unit.name);
    const restarting = units?.find((one) => one.restarts > 0 && !plan.allow.units.includes(one.name));
    if (restarting) throw restarted(restarting);
    if (monotonic() > deadline) throw late(name, unit);
    await sleep(pollMilliseconds, undefined, { signal });
  }
}

/**
 * systemd.service(5): without RemainAfterExit= a oneshot becomes inactive after success, without having been active.
 */
function hasDoneItsWork({ active, type, result, doneAt }: Unit): boolean {
  return active === 'inactive' && type === 'oneshot' && result === 'success' && doneAt > 0;
}

/** The time that the unit reports, limited to possible values. */
function activeSince({ activeAt }: Unit, { startedAt }: Instance): number {
  return Math.min(Math.max(activeAt, startedAt), monotonic());
}

export function restarted(unit: Unit): Finding {
  const message = `${unit.name} ended and systemd started it again (${unit.restarts} times)`;
  return new Finding('unit-restarted', message, unit.name);
}

function late(name: string, unit: Unit | undefined): Finding {
  if (!unit) return new Finding('not-ready', `systemd did not answer when it was asked for ${name}`);
  if (unit.load === 'not-found') return new Finding('not-ready', `the image has no unit ${name}`);
  const state = unit.load === 'loaded' ? `${unit.active} (${unit.sub})` : unit.load;
  return new Finding('not-ready', `${name} is ${state} at the end of the time it has`, unit.name);
}
