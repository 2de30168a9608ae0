/**
 * Units in trouble while an instance is awaited: what has failed for good, or ends and is started again, will not be
 * right later, so the wait ends at once. What systemd or another unit is about to mend is left alone.
 */
import { Finding } from './finding.ts';
import { describeFailure, type Unit } from './units.ts';

/** Milliseconds that a failure must last: a program may start a unit again that has failed. */
const lastingMilliseconds = 1000;

/** Of a unit that the recipe does not allow to: it ended, and systemd has started it again or will do so. */
export function isRestarting({ restarts, active, sub, result }: Unit): boolean {
  return restarts > 0 || (active === 'activating' && sub === 'auto-restart' && result !== 'success');
}

export function restarted(unit: Unit): Finding {
  const times = unit.restarts > 0 ? ` (${unit.restarts} times)` : '';
  const tense = unit.restarts > 0 ? 'started it again' : 'will start it again';
  return new Finding('unit-restarted', `${unit.name} ended and systemd ${tense}${times}`, unit.name);
}

export class UnitTrouble {
  readonly #allowed: ReadonlySet<string>;
  readonly #awaited: string | undefined;
  /** When a failure was first seen, by the unit and the time of its failure. */
  #seen = new Map<string, number>();

  /** @param awaited a unit whose failure ends the wait even if it is allowed */
  constructor(allowed: readonly string[], awaited?: string) {
    this.#allowed = new Set(allowed);
    this.#awaited = awaited;
  }

  /** The reason to wait no longer, if there is one. Time is in milliseconds of a monotonic clock. */
  find(units: readonly Unit[], now: number): Finding | undefined {
    const matter = units.filter(({ name }) => !this.#allowed.has(name));
    const again = matter.find(isRestarting);
    if (again) return restarted(again);
    const failed = units.filter((unit) => this.#isFailed(unit, units));
    const seen = new Map(failed.map((unit) => [keyOf(unit), this.#seen.get(keyOf(unit)) ?? now]));
    this.#seen = seen;
    const lasting = failed.find((unit) => now - seen.get(keyOf(unit))! >= lastingMilliseconds);
    return lasting && new Finding('unit-failed', describeFailure(lasting), lasting.name);
  }

  #isFailed(unit: Unit, units: readonly Unit[]): boolean {
    const counts = !this.#allowed.has(unit.name) || unit.name === this.#awaited;
    return counts && unit.active === 'failed' && !willBeMended(unit, units);
  }
}

const keyOf = ({ name, endedAt }: Unit) => `${name} ${endedAt}`;

/** systemd.unit(5): a job waits for it, an active unit starts it again, or what handles its failure is at work. */
function willBeMended({ hasJob, sub, startedBy, onFailure }: Unit, units: readonly Unit[]): boolean {
  if (hasJob || sub === 'failed-before-auto-restart') return true;
  const isAt = (names: string[], states: string[]) =>
    units.some(({ name, active }) => names.includes(name) && states.includes(active));
  return isAt(startedBy, ['active', 'activating']) || isAt(onFailure, ['activating', 'deactivating']);
}
