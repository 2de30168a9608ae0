/** Compares the limits of an instance with those that the kernel reports. */
import { availableControllers, readGroup } from '../../lib/container/cgroups.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { groupOf } from './cgroup-view.ts';
import type { Limits } from './config.ts';

/** Granularity: the kernel counts memory in pages and processor time in microseconds. */
const memoryGrain = 65_536;
const cpuGrain = 0.01;

/** Before the start, because the runtime's own error would be unclear. Throws HOST_MISSING. */
export async function checkControllers({ cpus }: Pick<Limits, 'cpus'>): Promise<void> {
  const there = await availableControllers();
  const needed = { memory: 'memory', pids: 'pids', ...(cpus !== undefined && { cpus: 'cpu' }) };
  const missing = Object.entries(needed).flatMap(([name, one]) => (there.has(one) ? [] : [name]));
  if (missing.length > 0) throw unenforceable(missing);
}

/** After the start. Throws HOST_MISSING: a limit that is silently ignored would let one instance use the whole host. */
export async function checkLimits(id: string, wanted: Limits): Promise<void> {
  const { memoryLimit, pidsLimit, cpuLimit } = await readGroup(groupOf(id));
  const isEnforced = {
    memory: memoryLimit !== undefined && Math.abs(memoryLimit - wanted.memory) <= memoryGrain,
    pids: pidsLimit === wanted.pids,
    cpus: wanted.cpus === undefined || Math.abs((cpuLimit ?? Infinity) - wanted.cpus) <= cpuGrain,
  };
  const missing = Object.entries(isEnforced).flatMap(([name, enforced]) => (enforced ? [] : [name]));
  if (missing.length > 0) throw unenforceable(missing);
}

function unenforceable(missing: string[]): MillinerError {
  return new MillinerError('HOST_MISSING', `this host cannot enforce a limit on: ${missing.join(', ')}`, {
    hint: 'Enable the control group controllers cpu, memory and pids in the kernel (cgroup_enable=memory), or take the limit out of the recipe.',
    details: { limits: missing },
  });
}
