/** Instances in virtual machines of QEMU. */
import { MillinerError } from '../../../lib/errors/error.ts';
import type { Container } from '../../../lib/container/runtime.ts';
import { numberOfSignal } from '../../../lib/container/stop-signal.ts';
import type { Backend } from '../backend.ts';
import { packed } from './frames.ts';
import { attachToGuest, execInGuest } from './guest-exec.ts';
import type { Link } from './link.ts';
import { MachineInstance } from './machine-instance.ts';
import { describeQemu } from './qemu.ts';
import { reachGuest } from './supervisor-socket.ts';

export async function machineBackend(): Promise<Backend> {
  return {
    name: 'machine',
    title: await describeQemu(),
    ownDisk: true,
    joinsNetworks: true,
    lacks: async () => [],
    start: (options) => MachineInstance.start(options),
    reach: (place) => ({
      exec: (args, options) => withLink(place, (link) => execInGuest(link, args, [], options)),
      attach: (args, signal) =>
        withLink(place, (link) => attachToGuest(link, args, [], { signal, printable: false, input: true })),
      show: async (args, signal) => {
        await withLink(place, (link) =>
          attachToGuest(link, args, [], { signal, printable: true, input: false }),
        );
      },
      signal: async (name) => {
        const link = await reachGuest(place.id);
        const number = numberOfSignal(name);
        if (number !== undefined) link?.send('K', 0, packed(number));
        await link?.end();
      },
    }),
  };
}

async function withLink<T>({ id }: Container, fn: (link: Link) => Promise<T>): Promise<T> {
  const link = await reachGuest(id);
  if (!link)
    throw new MillinerError('INSTANCE_NOT_FOUND', `no process supervises the machine ${id} any more`);
  try {
    return await fn(link);
  } finally {
    link.destroy();
  }
}
