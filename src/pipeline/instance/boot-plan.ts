/** How an image is tested: the recipe's words, completed by what the image itself tells. */
import { basename } from 'node:path';
import { describeCheck, type BootPlan } from '../../stages/boot/plan.ts';
import type { RuntimeConfig } from '../../stages/image/image.ts';
import { bytesOf, durationOf, testSchema, type TestPlan } from '../../stages/recipe/schema.ts';

const inits = new Set(['init', 'systemd']);
const bits = { kbit: 1e3, mbit: 1e6, gbit: 1e9 } as const;

/** Without a word of the recipe, what runs as init is systemd: as podman tells it. */
export function testPlanOf(test: TestPlan | undefined, { entrypoint = [], cmd = [] }: RuntimeConfig) {
  const [program = ''] = [...entrypoint, ...cmd];
  const plan = test ?? testSchema.parse({});
  return { ...plan, init: plan.init ?? (plan.ready.unit !== undefined || inits.has(basename(program))) };
}

export function bootPlanOf(test: TestPlan & { init: boolean }): BootPlan {
  const { limits, ready, checks, settle, stop, allow, init } = test;
  return {
    init,
    limits: {
      cpus: limits.cpus,
      memory: bytesOf(limits.memory),
      pids: limits.pids,
      disk: bytesOf(limits.disk),
      bandwidth: limits.bandwidth === undefined ? undefined : bitsOf(limits.bandwidth),
    },
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

function bitsOf(text: string): number {
  const [, count, word] = /^(\d+)(kbit|mbit|gbit)$/.exec(text)!;
  return Number(count) * bits[word as keyof typeof bits];
}
