/** Waits until an instance is ready as its recipe defines it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonic } from './clock.ts';
import type { Instance } from './instance.ts';
import { Finding } from './finding.ts';
import type { BootPlan } from './plan.ts';
import { UnitTrouble } from './unit-trouble.ts';
import { describeFailure, listUnits, askTimeout, type Unit } from './units.ts';

const pollMilliseconds = 300;
/** Milliseconds after the start until systemd is first asked for trouble: most images are ready before. */
const firstLookMilliseconds = 2000;
/** Milliseconds after the start until systemd is first asked for a unit, if it does not report before that it is up. */
const firstAskMilliseconds = 1000;
/** Each answer costs processor time of the instance, so the pause after it is that many times as long as it took. */
const pauseFactor = 2;
const maxPauseMilliseconds = 5000;
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
  if (!plan.init && !notify) return instance.startedAt;
  if (!plan.init) return waitForNotification(instance, deadline, false, signal);
  return orTrouble(instance, plan, signal, (both) => waitForNotification(instance, deadline, true, both));
}

/** Throws the Finding of a unit in trouble, if that comes before what is waited for. */
async function orTrouble<T>(
  instance: Instance,
  plan: BootPlan,
  signal: AbortSignal,
  wait: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const looking = lookForTrouble(instance, plan, both);
  const waiting = wait(both);
  try {
    return await Promise.race([waiting, looking]);
  } finally {
    over.abort();
    await Promise.allSettled([waiting, looking]);
  }
}

/** Never returns. */
async function lookForTrouble(instance: Instance, plan: BootPlan, signal: AbortSignal): Promise<never> {
  const trouble = new UnitTrouble(plan.allow.units);
  await sleep(firstLookMilliseconds, undefined, { signal });
  for (;;) {
    const asked = monotonic();
    const units = await listUnits(instance, undefined, { timeout: askTimeout, signal });
    const found = trouble.find(units ?? [], monotonic());
    if (found) throw found;
    await sleep(pauseAfter(asked, 1000), undefined, { signal });
  }
}

function pauseAfter(asked: number, least: number): number {
  return Math.min(Math.max(least, (monotonic() - asked) * pauseFactor), maxPauseMilliseconds);
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
  const trouble = new UnitTrouble(plan.allow.units, name);
  await untilUp(instance, firstAskMilliseconds, signal);
  for (;;) {
    const asked = monotonic();
    const timeout = Math.min(askTimeout, Math.max(deadline - asked, minAttemptTimeout));
    const units = await listUnits(instance, name, { timeout, signal });
    // A unit that is requested by an alias reports its own name. The requested unit comes first.
    const unit = units?.[0];
    if (unit?.active === 'active') return activeSince(unit, instance);
    if (unit && hasDoneItsWork(unit)) return activeSince({ ...unit, activeAt: unit.doneAt }, instance);
    const found = trouble.find(units ?? [], monotonic());
    if (found) throw found;
    if (monotonic() > deadline) throw late(name, unit);
    const rest = Math.max(pollMilliseconds, deadline - monotonic());
    await untilUp(instance, Math.min(pauseAfter(asked, pollMilliseconds), rest), signal);
  }
}

/** Waits so many milliseconds, or until systemd reports meanwhile that all of its units are up. */
async function untilUp(
  { notifications }: Instance,
  milliseconds: number,
  signal: AbortSignal,
): Promise<void> {
  const end = monotonic() + milliseconds;
  // One that is up already says no more.
  const pause = notifications.readyAt === undefined ? pollMilliseconds / 6 : milliseconds;
  for (let left = milliseconds; left > 0; left = end - monotonic()) {
    await sleep(Math.min(pause, left), undefined, { signal });
    if (notifications.readyAt !== undefined) return;
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

function late(name: string, unit: Unit | undefined): Finding {
  if (!unit) return new Finding('not-ready', `systemd did not answer when it was asked for ${name}`);
  if (unit.load === 'not-found') return new Finding('not-ready', `the image has no unit ${name}`);
  if (unit.active === 'failed') return new Finding('unit-failed', describeFailure(unit), unit.name);
  const state = unit.load === 'loaded' ? `${unit.active} (${unit.sub})` : unit.load;
  return new Finding('not-ready', `${name} is ${state} at the end of the time it has`, unit.name);
}
