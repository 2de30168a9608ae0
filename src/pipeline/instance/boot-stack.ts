/**
 * For `boot NAME.stack`: starts the services of a stack beside each other, tests each as its image is tested, and makes
 * the checks between them. One verdict over the digests of all images.
 */
import { release } from 'node:os';
import type { BackendName } from '../../lib/container/backend-names.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import { canRetry } from '../../stages/boot/attempts.ts';
import type { Backend } from '../../stages/boot/backend.ts';
import { checkInotify } from '../../stages/boot/inotify.ts';
import {
  makeStackVerdict,
  type FailedStackAttempt,
  type StackVerdict,
} from '../../stages/boot/stack-verdict.ts';
import { testInstance } from '../../stages/boot/test-instance.ts';
import { makeVerdict, type Verdict } from '../../stages/boot/verdict.ts';
import { stackDigest } from '../../stages/recipe/resolved-stack.ts';
import { holdToDigest } from '../base/hold-to-digest.ts';
import type { Context } from '../state/context.ts';
import { writeStackRecord } from '../state/stack-records.ts';
import { bootPlanOf } from './boot-plan.ts';
import { withInstance } from './instance-root.ts';
import type { StackToRun } from './resolve-stack.ts';
import { chooseStackBackend } from './stack-backend.ts';
import { StackTest } from './stack-test.ts';
import { handedTo, joinNetwork, withStackPlace, type StackPlace } from './stack-place.ts';

/**
 * Returns the verdict, passed or not, and stores it in the state. Throws as bootImage does, and SECRET_UNUSABLE,
 * DISK_FULL.
 */
export async function bootStack(
  context: Context,
  toRun: StackToRun,
  wanted?: BackendName | 'auto',
): Promise<StackVerdict> {
  const { stack, retries } = toRun;
  const backend = await chooseStackBackend(context, wanted, toRun);
  const failed: FailedStackAttempt[] = [];
  let verdict = await bootOnce(context, toRun, backend, failed);
  while (failed.length < retries && canRetry(verdict)) {
    const codes = [...new Set(verdict.causes.map(({ code }) => code))].join(', ');
    context.progress.warn(`${stack.name} did not pass (${codes}): retry ${failed.length + 1} of ${retries}`);
    const { started, finished, causes } = verdict;
    failed.push({ started, finished, causes });
    verdict = await bootOnce(context, toRun, backend, failed);
  }
  await writeStackRecord(context.state, { stack, verdict });
  return verdict;
}

async function bootOnce(
  context: Context,
  toRun: StackToRun,
  backend: Backend,
  failed: readonly FailedStackAttempt[],
): Promise<StackVerdict> {
  const { stack, images } = toRun;
  for (const { record } of images.values()) await holdToDigest(context, record);
  const withInit = Object.values(stack.services).filter(({ test }) => test.init);
  if (withInit.length > 0) await checkInotify(withInit.reduce((sum, one) => sum + one.instances, 0));
  const host = { runtime: backend.title, kernel: release(), architecture: stack.arch };
  const started = new Date().toISOString();
  context.progress.step(`booting the stack ${stack.name}`);
  const test = new StackTest(stack, context.signal);
  const names = Object.keys(stack.services);
  const services = await withStackPlace(
    context,
    toRun,
    { lasting: false, isMachine: backend.ownDisk },
    async (place) =>
      inParallel(names, names.length, context.signal, (name, signal) =>
        bootService({ ...context, signal }, toRun, { name, backend, place, test, host }),
      ),
  );
  const tested = services.flatMap((verdict, index) => (verdict ? [[names[index]!, verdict] as const] : []));
  return makeStackVerdict(
    {
      name: stack.name,
      stackDigest: stackDigest(stack),
      checks: test.checks,
      services: Object.fromEntries(tested),
      ...(test.readySeconds !== undefined && { readySeconds: test.readySeconds }),
      host,
      started,
      finished: new Date().toISOString(),
      ...(failed.length > 0 && { failedAttempts: [...failed] }),
    },
    names,
  );
}

interface ServiceTest {
  name: string;
  backend: Backend;
  place: StackPlace;
  test: StackTest;
  host: Verdict['host'];
}

/** Undefined if a service that it waits for has failed: then it is not started. */
async function bootService(
  context: Context,
  { stack, images }: StackToRun,
  { name, backend, place, test, host }: ServiceTest,
): Promise<Verdict | undefined> {
  const service = stack.services[name]!;
  const { bootable } = images.get(name)!;
  const plan = bootPlanOf(service.test);
  const { instances: of } = service;
  try {
    if (!(await test.mayStart(name))) return undefined;
    const started = new Date().toISOString();
    const numbers = Array.from({ length: of }, (_, index) => index + 1);
    const outcomes = await inParallel(numbers, of, context.signal, (number, signal) =>
      withInstance(context, bootable, { number, of, backend }, async (root) => {
        const joined = joinNetwork(place, name, { number, of }, root, plan.limits.bandwidth);
        const handed = handedTo(place, service);
        const company = test.companyOf(name, { number, membership: joined });
        const options = { ...root, hostname: joined.name, membership: joined, handed };
        return testInstance({ ...options, backend, number, plan, signal, company });
      }),
    );
    const finished = new Date().toISOString();
    const { manifestDigest } = bootable;
    context.progress.step(`${name}: ${outcomes.some(({ causes }) => causes.length > 0) ? 'failed' : 'done'}`);
    return makeVerdict(
      { name: bootable.name, manifestDigest, plan: service.test, host, started, finished },
      outcomes,
    );
  } finally {
    test.ended(name);
  }
}
