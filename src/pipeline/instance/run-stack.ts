/**
 * For `run NAME.stack`: starts the services of a stack, each when those that it waits for are ready, and supervises them
 * until they end. They are stopped the other way round.
 */
import { inParallel } from '../../lib/host/parallel.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { Backend } from '../../stages/boot/backend.ts';
import { checkInotify } from '../../stages/boot/inotify.ts';
import type { PortMapping } from '../../stages/boot/ports.ts';
import { stackDigest } from '../../stages/recipe/resolved-stack.ts';
import { holdToDigest } from '../base/hold-to-digest.ts';
import type { Context } from '../state/context.ts';
import { bootPlanOf } from './boot-plan.ts';
import type { RunningInstance } from './instance-records.ts';
import { withInstance } from './instance-root.ts';
import type { StackToRun } from './resolve-stack.ts';
import { runOne, type RunRequest } from './run.ts';
import { ServiceOrder } from './service-order.ts';
import { chooseStackBackend } from './stack-backend.ts';
import { handedTo, joinNetwork, withStackPlace, type StackPlace } from './stack-place.ts';

export interface StartedStack {
  stack: string;
  stackDigest: Digest;
  instances: RunningInstance[];
}

export type StackRequest = Pick<RunRequest, 'backend' | 'onLine'> & {
  /** Called once, when all are ready. */
  onReady: (started: StartedStack) => void;
};

interface Running {
  order: ServiceOrder;
  backend: Backend;
  place: StackPlace;
  request: StackRequest;
  ready: RunningInstance[];
}

/** Resolves when every service has ended. Throws as runInstances does, and BUSY, SECRET_UNUSABLE. */
export async function runStack(context: Context, toRun: StackToRun, request: StackRequest): Promise<void> {
  const { stack, images } = toRun;
  for (const { record } of images.values()) await holdToDigest(context, record);
  const backend = await chooseStackBackend(context, request.backend, toRun);
  const services = Object.values(stack.services);
  const withInit = services.filter(({ test }) => test.init);
  if (withInit.length > 0) await checkInotify(withInit.reduce((sum, one) => sum + one.instances, 0));
  context.progress.step(`starting the stack ${stack.name}`);
  const order = new ServiceOrder(stack.services);
  const names = Object.keys(stack.services);
  await withStackPlace(context, toRun, { lasting: true, isMachine: backend.ownDisk }, async (place) => {
    const running: Running = { order, backend, place, request, ready: [] };
    await inParallel(names, names.length, context.signal, (name, signal) =>
      runService({ ...context, signal }, toRun, name, running),
    );
  });
}

async function runService(
  context: Context,
  { stack, images }: StackToRun,
  name: string,
  { order, backend, place, request, ready }: Running,
): Promise<void> {
  const service = stack.services[name]!;
  const { bootable } = images.get(name)!;
  const { instances: of } = service;
  const total = Object.values(stack.services).reduce((sum, { instances }) => sum + instances, 0);
  try {
    // What has failed says so itself.
    if (!(await order.mayStart(name))) return;
    const stop = stopInTurn(context.signal, order.mayStop(name));
    const numbers = Array.from({ length: of }, (_, index) => index + 1);
    await inParallel(numbers, of, stop, (number, signal) =>
      withInstance(context, bootable, { number, of, backend }, async (root) => {
        const { bandwidth } = bootPlanOf(service.test).limits;
        const membership = joinNetwork(place, name, { number, of }, root, bandwidth);
        await runOne({ ...context, signal }, bootable, root, {
          backend,
          ports: service.ports.map(portOf),
          onLine: (_id, line) => request.onLine(membership.name, line),
          joined: {
            stack: { name: stack.name, service: name, directory: place.directory },
            membership,
            handed: handedTo(place, service),
          },
          onReady: (instance) => {
            context.progress.step(`${membership.name} is ready`);
            ready.push(instance);
            order.ready(name);
            if (ready.length < total) return;
            request.onReady({ stack: stack.name, stackDigest: stackDigest(stack), instances: ready });
          },
        });
        await membership.remove();
      }),
    );
  } finally {
    order.ended(name);
  }
}

const portOf = ({ port, publish, address }: StackToRun['stack']['services'][string]['ports'][number]) =>
  ({ address, hostPort: publish, instancePort: port }) satisfies PortMapping;

/** Aborts some time after `signal`: when no other service needs this one any more. */
function stopInTurn(signal: AbortSignal | undefined, mayStop: Promise<void>): AbortSignal {
  const stop = new AbortController();
  const wait = () => void mayStop.then(() => stop.abort(signal!.reason));
  if (signal?.aborted) wait();
  else signal?.addEventListener('abort', wait, { once: true });
  return stop.signal;
}
