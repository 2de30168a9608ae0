/** Compares the limits of an instance with those that the kernel reports. */
import { availableControllers, readGroup, readSetting } from '../../lib/container/cgroups.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { groupOf } from './cgroup-view.ts';
import { hostHasSwap, sharesOf, type Limits } from './limit-resources.ts';

/** Granularity: the kernel counts memory in pages and processor time in microseconds. */
const memoryGrain = 65_536;
const cpuGrain = 0.01;

/** Before the start, because the runtime's own error would be unclear. Throws HOST_MISSING. */
export async function checkControllers(
  { cpus, cpuWeight, io }: Pick<Limits, 'cpus' | 'cpuWeight' | 'io'>,
  devices: readonly string[] = [],
): Promise<void> {
  const there = await availableControllers();
  const needed = {
    memory: ['memory'],
    pids: ['pids'],
    ...(cpus !== undefined && { cpus: ['cpu'] }),
    ...(cpuWeight !== undefined && { cpuWeight: ['cpu'] }),
    // Its name in version 1, and in version 2.
    ...(io && { io: ['blkio', 'io'] }),
  };
  const missing = Object.entries(needed).flatMap(([name, any]) =>
    any.some((controller) => there.has(controller)) ? [] : [name],
  );
  // The tree lies on what is no block device of its own, such as btrfs.
  if (io && devices.length === 0) missing.push('io');
  if (missing.length > 0) throw unenforceable([...new Set(missing)]);
}

/** After the start. Throws HOST_MISSING: a limit that is silently ignored would let one instance use the whole host. */
export async function checkLimits(
  id: string,
  wanted: Limits,
  devices: readonly string[] = [],
): Promise<void> {
  const { memoryLimit, pidsLimit, cpuLimit } = await readGroup(groupOf(id));
  const isEnforced = {
    memory: isNear(memoryLimit, wanted.memory),
    pids: pidsLimit === wanted.pids,
    cpus: wanted.cpus === undefined || Math.abs((cpuLimit ?? Infinity) - wanted.cpus) <= cpuGrain,
    swap: await isSwapHeld(id, wanted),
    cpuWeight: wanted.cpuWeight === undefined || (await isWeightHeld(id, wanted.cpuWeight)),
    io: await isTransferHeld(id, wanted, devices),
  };
  const missing = Object.entries(isEnforced).flatMap(([name, enforced]) => (enforced ? [] : [name]));
  if (missing.length > 0) throw unenforceable(missing);
}

const isNear = (found: number | undefined, wanted: number) =>
  found !== undefined && Math.abs(found - wanted) <= memoryGrain;

/** Version 1 counts memory and swap together. A host without swap has nothing to hold. */
async function isSwapHeld(id: string, { memory, swap }: Limits): Promise<boolean> {
  if (swap === undefined && !(await hostHasSwap())) return true;
  const names = { v1: 'memory.memsw.limit_in_bytes', v2: 'memory.swap.max' };
  const found = await readSetting(groupOf(id), 'memory', names);
  if (!found) return false;
  return isNear(Number(found.text), (found.unified ? 0 : memory) + (swap ?? 0));
}

async function isWeightHeld(id: string, weight: number): Promise<boolean> {
  const found = await readSetting(groupOf(id), 'cpu', { v1: 'cpu.shares', v2: 'cpu.weight' });
  return found?.text === String(found?.unified ? weight : sharesOf(weight));
}

async function isTransferHeld(id: string, { io }: Limits, devices: readonly string[]): Promise<boolean> {
  const read = await isRateHeld(id, io?.read, devices, { v1: 'read', v2: 'rbps' });
  return read && isRateHeld(id, io?.write, devices, { v1: 'write', v2: 'wbps' });
}

/** A line for each device: `8:0 1048576` in version 1, `8:0 rbps=1048576 wbps=max riops=max wiops=max` in version 2. */
async function isRateHeld(
  id: string,
  rate: number | undefined,
  devices: readonly string[],
  words: { v1: string; v2: string },
): Promise<boolean> {
  if (rate === undefined) return true;
  const names = { v1: `blkio.throttle.${words.v1}_bps_device`, v2: 'io.max' };
  const found =
    (await readSetting(groupOf(id), 'blkio', names)) ?? (await readSetting(groupOf(id), 'io', names));
  if (!found) return false;
  const lines = found.text.split('\n').map((line) => line.split(' '));
  const wanted = found.unified ? `${words.v2}=${rate}` : String(rate);
  return devices.every((device) => lines.some(([name, ...rest]) => name === device && rest.includes(wanted)));
}

function unenforceable(missing: string[]): MillinerError {
  return new MillinerError('HOST_MISSING', `this host cannot enforce a limit on: ${missing.join(', ')}`, {
    hint: 'Enable the control group controllers cpu, memory (with swap), pids and io in the kernel (cgroup_enable=memory swapaccount=1), or take the limit out of the recipe.',
    details: { limits: missing },
  });
}
