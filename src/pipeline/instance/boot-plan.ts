/** Turns the test section of a recipe into a boot plan: texts become numbers. */
import { describeCheck, type BootPlan } from '../../stages/boot/plan.ts';
import { bytesOf, durationOf } from '../../stages/recipe/quantities.ts';
import type { TestPlan } from '../../stages/recipe/schema.ts';

const bits = { kbit: 1e3, mbit: 1e6, gbit: 1e9 } as const;

export function bootPlanOf(test: TestPlan & { init: boolean }): BootPlan {
  const { limits, network, egress, ready, checks, settle, stop, allow, init } = test;
  return {
    init,
    limits: {
      cpus: limits.cpus,
      ...(limits.cpuWeight !== undefined && { cpuWeight: limits.cpuWeight }),
      memory: bytesOf(limits.memory),
      ...(limits.swap !== undefined && { swap: bytesOf(limits.swap) }),
      pids: limits.pids,
      disk: bytesOf(limits.disk),
      ...(limits.io && { io: { read: rateOf(limits.io.read), write: rateOf(limits.io.write) } }),
      bandwidth: limits.bandwidth === undefined ? undefined : bitsOf(limits.bandwidth),
    },
    network,
    egress,
    ready,
    readyTimeout: durationOf(ready.timeout),
    checks: checks.map((check) => ({
      name: describeCheck(check),
      check,
      timeout: check.timeout === undefined ? undefined : durationOf(check.timeout),
      interval: durationOf(check.interval),
    })),
    settle: durationOf(settle),
    stopTimeout: durationOf(stop.timeout),
    allow,
  };
}

const rateOf = (text: string | undefined) => (text === undefined ? undefined : bytesOf(text));

function bitsOf(text: string): number {
  const [, count, word] = /^(\d+)(kbit|mbit|gbit)$/.exec(text)!;
  return Number(count) * bits[word as keyof typeof bits];
}
