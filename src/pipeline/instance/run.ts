/** For `run`: starts instances of an image, each on its own tree, and supervises them until they end. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import type { BackendName } from '../../lib/container/backend-names.ts';
import { inParallel, meeting } from '../../lib/host/parallel.ts';
import type { Backend } from '../../stages/boot/backend.ts';
import { diskProblem, type DiskOptions } from '../../stages/boot/disk.ts';
import { Finding } from '../../stages/boot/finding.ts';
import { checkInotify } from '../../stages/boot/inotify.ts';
import { StartError, type Instance, type InstanceOptions } from '../../stages/boot/instance.ts';
import type { Membership } from '../../stages/boot/membership.ts';
import type { BootPlan } from '../../stages/boot/plan.ts';
import { publishPorts, type PortMapping } from '../../stages/boot/ports.ts';
import { waitUntilReady } from '../../stages/boot/ready.ts';
import { holdToDigest } from '../base/hold-to-digest.ts';
import type { Context } from '../state/context.ts';
import { findRecord } from '../state/find-image.ts';
import { bootPlanOf } from './boot-plan.ts';
import { describeRunning, shortId } from './held-instance.ts';
import { InstanceLog } from './instance-log.ts';
import type { RunningInstance } from './instance-records.ts';
import { withInstance, type Bootable, type InstancePlace } from './instance-root.ts';
import { withInstanceName, withSettings, type RunSettings } from './run-settings.ts';
import { workingBackend } from './working-backend.ts';

const pollMilliseconds = 500;

export interface RunRequest {
  image: string;
  instances: number;
  ports: PortMapping[];
  settings?: RunSettings | undefined;
  /** Instead of the recipe's. */
  backend?: BackendName | 'auto' | undefined;
  /** Called with each line of an instance's output. */
  onLine: (id: string, line: string) => void;
  /** Called once, when all are ready. */
  onReady: (started: Started) => void;
}

export interface Started {
  instances: RunningInstance[];
  /** Space that their trees took together before the instances wrote to them. */
  trees: { snapshotter: string; bytes: number };
}

export type OneRequest = Pick<RunRequest, 'ports' | 'onLine'> & {
  name?: string | undefined;
  backend: Backend;
  onReady: (instance: RunningInstance) => void;
  /** Of a service of a stack. */
  joined?: Joined;
};

interface Joined {
  membership: Membership;
  handed: InstanceOptions['handed'];
  stack: NonNullable<RunningInstance['stack']>;
}

/** Resolves when every instance has ended; the context's signal stops them. Throws INSTANCE_FAILED, TREE_CHANGED. */
export async function runInstances(context: Context, request: RunRequest): Promise<void> {
  await withInstanceName(context, request.settings?.name, () => startInstances(context, request));
}

async function startInstances(context: Context, request: RunRequest): Promise<void> {
  const found = await findRecord(context.state, request.image);
  const record = await withSettings(found, request.settings);
  await holdToDigest(context, found);
  const plan = bootPlanOf(record.test);
  const backend = await workingBackend(context, request.backend ?? record.test.backend ?? 'auto', plan);
  if (plan.init && !backend.ownDisk) await checkInotify(request.instances);
  const numbers = Array.from({ length: request.instances }, (_, index) => index + 1);
  const ready: RunningInstance[] = [];
  const { snapshots } = context;
  const where = `${snapshots.name} snapshots (${context.why})`;
  context.progress.step(`starting ${request.instances} of ${record.name} in ${where}`);
  const before = await snapshots.used();
  const trees = { snapshotter: snapshots.name, bytes: 0 };
  const beginNetwork = (place: Pick<InstancePlace, 'id' | 'ids' | 'hostname'>) =>
    backend.beginNetwork?.({
      ...place,
      limits: plan.limits,
      wanted: plan,
      isPublished: request.ports.length > 0,
    });
  // The sizes are measured before any instance writes to its tree.
  const sizesMeasured = meeting(numbers.length, async () => {
    trees.bytes = Math.max(0, (await snapshots.used()) - before);
  });
  await inParallel(numbers, numbers.length, context.signal, (number, signal) =>
    withInstance(context, record, { number, of: numbers.length, backend, beginNetwork }, async (place) => {
      await sizesMeasured(signal);
      await runOne({ ...context, signal }, record, place, {
        ...request,
        name: request.settings?.name,
        backend,
        onReady: (instance) => {
          ready.push(instance);
          if (ready.length === numbers.length) request.onReady({ instances: ready, trees });
        },
      });
    }),
  );
}

/** Supervises one instance until it ends, or the signal stops it. Throws INSTANCE_FAILED, PORT_UNUSABLE. */
export async function runOne(
  context: Context,
  record: Bootable,
  place: InstancePlace,
  request: OneRequest,
): Promise<void> {
  const plan = bootPlanOf(record.test);
  const id = shortId(place);
  const log = new InstanceLog(place.directory);
  let instance: Instance;
  try {
    const { membership, handed } = request.joined ?? {};
    instance = await request.backend.start({
      ...place,
      hostname: membership?.name ?? place.hostname,
      membership,
      handed,
      init: plan.init,
      limits: plan.limits,
      wanted: plan,
      isPublished: request.ports.length > 0,
      onLine: (line) => {
        log.write(line);
        request.onLine(id, line);
      },
    });
  } catch (error) {
    throw error instanceof StartError ? failure(record, error.message) : error;
  }
  try {
    await supervise(context, instance, { plan, disk: place, id }, async () => {
      const ports = instance.network ? await publishPorts(instance.network, request.ports) : undefined;
      const { name, backend, joined } = request;
      const known = { name, backend: backend.name, ports: ports?.ports, stack: joined?.stack };
      const running = await describeRunning(record, place, instance, known).catch((error: unknown) => {
        ports?.close();
        throw error;
      });
      request.onReady(running);
      return () => ports?.close();
    });
  } catch (error) {
    throw error instanceof Finding ? failure(record, error.message) : error;
  } finally {
    await instance.remove();
    log.close();
  }
}

function failure({ name }: Bootable, reason: string): MillinerError {
  return new MillinerError('INSTANCE_FAILED', `${name}: ${reason}`);
}

/** Waits until the instance is ready, then until it ends. The signal stops it in the way that the image asks for. */
async function supervise(
  { signal, progress }: Context,
  instance: Instance,
  { plan, disk, id }: { plan: BootPlan; disk: DiskOptions; id: string },
  onReady: () => Promise<() => void>,
): Promise<void> {
  const over = new AbortController();
  void instance.ended.then(() => over.abort());
  const diskProblemFound = enforceDiskLimit(instance, disk, over.signal, (reason) =>
    progress.warn(`${id} is killed: ${reason}`),
  );
  // Its failure ends the instance, and is thrown where it is awaited below.
  diskProblemFound.catch(() => over.abort());
  const both = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  try {
    await waitForInstance(instance, plan, signal, both);
    const close = await onReady();
    if (!both.aborted) await once(both, 'abort');
    close();
    signal?.throwIfAborted();
    const problem = await diskProblemFound;
    if (problem !== undefined) throw new Finding('disk-full', problem);
  } finally {
    if (!instance.hasEnded) await instance.stop(plan.stopTimeout);
    await diskProblemFound;
  }
}

/** Throws Finding, also for an instance that exits before it is ready. */
async function waitForInstance(
  instance: Instance,
  plan: BootPlan,
  signal: AbortSignal | undefined,
  both: AbortSignal,
): Promise<void> {
  // An instance with `ready: {exit}` is ready when it exits.
  const waiting = plan.ready.exit === undefined ? both : (signal ?? new AbortController().signal);
  await waitUntilReady(instance, plan, waiting).catch((error: unknown) => {
    signal?.throwIfAborted();
    if (error instanceof Finding || !instance.hasEnded) throw error;
    throw new Finding('exited', `it exited with ${instance.hasEnded.exitCode} before it was ready`);
  });
}

/** Kills the instance when it exceeds its disk limit, and returns the problem. */
async function enforceDiskLimit(
  instance: Instance,
  disk: DiskOptions,
  ended: AbortSignal,
  tell: (problem: string) => void,
): Promise<string | undefined> {
  const used = { ...disk, space: instance.space ?? disk.space };
  while (!ended.aborted) {
    const problem = diskProblem(await used.space(), used.maxBytes);
    if (problem !== undefined) {
      tell(problem);
      await instance.kill();
      return problem;
    }
    await sleep(pollMilliseconds, undefined, { signal: ended }).catch(() => undefined);
  }
  // An instance that has just ended may have exceeded the limit with its last write.
  return diskProblem(await used.space(), used.maxBytes);
}
