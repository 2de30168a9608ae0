/** A failed instance of a boot that goes on running, so that `ps`, `exec`, `logs` and `stop` work on it. */
import { basename } from 'node:path';
import type { BackendName } from '../../lib/container/backend-names.ts';
import type { Instance } from '../../stages/boot/instance.ts';
import { bootPlanOf } from './boot-plan.ts';
import { describeInstance, type RunningInstance } from './instance-records.ts';
import type { Bootable, InstancePlace } from './instance-root.ts';

export interface HeldInstance {
  running: RunningInstance;
  ended: Promise<unknown>;
}

/** The last part of the container's name: unique, and stable while the instance runs. */
export const shortId = ({ id }: InstancePlace): string => basename(id).slice(-16, -4);

interface Known {
  name?: string | undefined;
  backend: BackendName;
  ports?: RunningInstance['ports'] | undefined;
  stack?: RunningInstance['stack'] | undefined;
}

/** Writes its record, which goes with its directory. */
export async function describeRunning(
  { name, manifestDigest, test }: Bootable,
  place: InstancePlace,
  instance: Instance,
  { name: given, backend, ports = [], stack }: Known,
): Promise<RunningInstance> {
  const { init, stopTimeout } = bootPlanOf(test);
  const running: RunningInstance = {
    id: shortId(place),
    ...(given !== undefined && { name: given }),
    backend,
    container: place.id,
    directory: place.directory,
    image: name,
    manifestDigest,
    ...(stack && { stack }),
    ...(place.ids && { ids: place.ids }),
    init,
    ports,
    started: new Date().toISOString(),
    supervisor: process.pid,
    stopSignal: instance.stopSignal,
    stopTimeout,
  };
  await describeInstance(running);
  return running;
}
