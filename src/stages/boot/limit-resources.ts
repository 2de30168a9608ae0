/** Limits of an instance as the resources of a container (OCI runtime specification 1.0.2, config-linux.md). */
import { readFile } from 'node:fs/promises';
import { unifiedHierarchy } from '../../lib/container/cgroups.ts';
import type { OciRate, OciResources } from '../../lib/container/oci-config.ts';

/** Bytes; cpus in processors. */
export interface Limits {
  cpus?: number | undefined;
  /** Beside others; 100 is the default. */
  cpuWeight?: number | undefined;
  memory: number;
  /** Beside the memory; none if absent. */
  swap?: number | undefined;
  pids: number;
  disk: number;
  /** In a second. */
  io?: { read?: number | undefined; write?: number | undefined } | undefined;
  /** Bits per second, in each direction. */
  bandwidth?: number | undefined;
}

const cpuPeriod = 100_000;
/** What version 1 of control groups takes for the weight 100 of version 2. */
const defaultShares = 1024;

export const sharesOf = (weight: number): number => Math.max(2, Math.round((weight * defaultShares) / 100));

export async function limitResources(
  { cpus, cpuWeight, memory, swap = 0, pids, io }: Limits,
  devices: readonly string[] = [],
): Promise<OciResources> {
  const isUnified = (await unifiedHierarchy())?.controls === true;
  const hasSwap = swap > 0 || (await hostHasSwap());
  return {
    // Without a limit of its own, swap would double the memory.
    memory: { limit: memory, ...(hasSwap && { swap: memory + swap }) },
    pids: { limit: pids },
    cpu: {
      ...(cpus !== undefined && { quota: Math.round(cpus * cpuPeriod), period: cpuPeriod }),
      ...(cpuWeight !== undefined && !isUnified && { shares: sharesOf(cpuWeight) }),
    },
    // A runtime would turn shares into a weight by a scale of its own.
    ...(cpuWeight !== undefined && isUnified && { unified: { 'cpu.weight': String(cpuWeight) } }),
    ...(io && {
      blockIO: {
        throttleReadBpsDevice: throttled(devices, io.read),
        throttleWriteBpsDevice: throttled(devices, io.write),
      },
    }),
  };
}

export async function hostHasSwap(): Promise<boolean> {
  return (await readFile('/proc/swaps', 'utf8')).trim().split('\n').length > 1;
}

function throttled(devices: readonly string[], rate: number | undefined): OciRate[] {
  if (rate === undefined) return [];
  return devices.map((device) => {
    const [major = 0, minor = 0] = device.split(':').map(Number);
    return { major, minor, rate };
  });
}
