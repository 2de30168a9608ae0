/** Counters that the agent reads from the guest's kernel. */
import type { GroupState } from '../../../lib/container/cgroups.ts';
import type { Space } from '../../snapshot/snapshotter.ts';
import type { Limits } from '../limit-resources.ts';

export interface GuestState {
  group: GroupState;
  space: Space;
}

/** Before the guest has said anything. */
export const unknownState = ({ disk }: Limits): GuestState => ({
  group: {},
  space: { bytes: disk, inodes: 1 },
});

/** Ten numbers of eight bytes; the first is its clock. Their length is checked, and any number is possible. */
export function parseState(payload: Buffer, { memory, pids, cpus }: Limits): GuestState {
  const number = (index: number) => {
    const value = payload.readBigUInt64LE(index * 8);
    return Number(value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : value);
  };
  const counted = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(number);
  const [oomKills = 0, pidsRefused = 0, peak = 0, bytes = 0, inodes = 0] = counted;
  const [microseconds = 0, pidsPeak = 0, readBytes = 0, writtenBytes = 0] = counted.slice(5);
  return {
    group: {
      memoryLimit: memory,
      pidsLimit: pids,
      ...(cpus !== undefined && { cpuLimit: cpus }),
      // Kernels before 5.19 count no peak.
      ...(peak > 0 && { memoryPeak: peak }),
      oomKills,
      pidsRefused,
      cpuSeconds: microseconds / 1e6,
      // Kernels before 6.1 count none.
      ...(pidsPeak > 0 && { pidsPeak }),
      readBytes,
      writtenBytes,
    },
    space: { bytes, inodes },
  };
}

/** The guest's monotonic clock, in milliseconds. */
export function parseClock(payload: Buffer): number {
  return Number(payload.readBigUInt64LE(0) / 1000n) / 1000;
}
