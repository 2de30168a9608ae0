/** The test of a stack while it goes on: who is ready, what the checks between services gave, and whether it is over. */
import { meeting } from '../../lib/host/parallel.ts';
import { monotonic } from '../../stages/boot/clock.ts';
import { runCrossingChecks, type Peer, type TimedCrossing } from '../../stages/boot/crossing-checks.ts';
import type { CrossingResult } from '../../stages/boot/stack-verdict.ts';
import type { Company } from '../../stages/boot/test-instance.ts';
import type { ResolvedStack } from '../../stages/recipe/resolved-stack.ts';
import { durationOf } from '../../stages/recipe/quantities.ts';
import { targetOf } from '../../stages/recipe/stack-faults.ts';
import type { CrossingCheck } from '../../stages/recipe/stack-schema.ts';
import { ServiceOrder } from './service-order.ts';

/** Milliseconds for a check that does not say; once all have passed, for each in the second turn. */
const defaultTimeout = 30_000;
const againTimeout = 5000;

export class StackTest {
  /** Of the last turn in which each was made. */
  checks: CrossingResult[] = [];
  /** Set once all are ready. */
  readySeconds: number | undefined;
  readonly #order: ServiceOrder;
  readonly #peers = new Map<string, Peer[]>();
  readonly #failure = new AbortController();
  readonly #signal: AbortSignal;
  readonly #first: (signal: AbortSignal) => Promise<void>;
  readonly #second: (signal: AbortSignal) => Promise<void>;
  readonly #began = monotonic();

  constructor({ services, checks }: ResolvedStack, outer: AbortSignal | undefined) {
    const crossings = checks.map(timedCrossing);
    this.#order = new ServiceOrder(services);
    this.#signal = outer ? AbortSignal.any([outer, this.#failure.signal]) : this.#failure.signal;
    const staying = Object.values(services).filter(({ test }) => test.ready.exit === undefined);
    const count = staying.reduce((sum, { instances }) => sum + instances, 0);
    this.#first = meeting(count, async () => {
      this.readySeconds = Math.round(monotonic() - this.#began) / 1000;
      await this.#check(crossings);
    });
    this.#second = meeting(count, () =>
      this.#check(crossings.map((one) => ({ ...one, timeout: againTimeout }))),
    );
  }

  async #check(crossings: TimedCrossing[]): Promise<void> {
    const results = await runCrossingChecks(this.#peers, crossings, this.#signal);
    // A check that has passed and fails the second time has failed.
    this.checks = results.map((result, index) => (result.passed ? (this.checks[index] ?? result) : result));
    if (results.some(({ passed }) => !passed)) this.#failure.abort();
    this.#signal.throwIfAborted();
  }

  /** False if it never may. */
  async mayStart(name: string): Promise<boolean> {
    return (await this.#order.mayStart(name)) && !this.#signal.aborted;
  }

  ended(name: string): void {
    this.#order.ended(name);
  }

  companyOf(name: string, { number, membership }: Omit<Peer, 'instance'>): Company {
    let turns = 0;
    return {
      signal: this.#failure.signal,
      ready: (instance) => {
        const peers = [...(this.#peers.get(name) ?? []), { number, membership, instance }];
        this.#peers.set(
          name,
          peers.toSorted((a, b) => a.number - b.number),
        );
        this.#order.ready(name);
      },
      failed: () => this.#failure.abort(),
      together: (signal) => (turns++ === 0 ? this.#first : this.#second)(signal),
      alone: () => this.#order.mayStop(name),
    };
  }
}

function timedCrossing(check: CrossingCheck): TimedCrossing {
  return {
    name: `${check.from}: ${describeCrossing(check)}`,
    check,
    target: targetOf(check),
    timeout: check.timeout === undefined ? defaultTimeout : durationOf(check.timeout),
    interval: durationOf(check.interval),
  };
}

function describeCrossing(check: CrossingCheck): string {
  if ('exec' in check) return `exec ${check.exec.join(' ')}`;
  return 'tcp' in check ? `tcp ${check.tcp}` : `http ${check.http}`;
}
