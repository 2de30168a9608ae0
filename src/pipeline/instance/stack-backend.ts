/** What isolates the services of a stack: one backend for all of them. */
import type { BackendName } from '../../lib/container/backend-names.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Backend } from '../../stages/boot/backend.ts';
import { chooseBackend } from '../../stages/boot/backends.ts';
import type { Context } from '../state/context.ts';
import { bootPlanOf } from './boot-plan.ts';
import type { StackToRun } from './resolve-stack.ts';
import { workingBackend } from './working-backend.ts';

/** Throws HOST_MISSING, BACKEND_LACKS. */
export async function chooseStackBackend(
  context: Context,
  wanted: BackendName | 'auto' = 'auto',
  { stack }: StackToRun,
): Promise<Backend> {
  const plans = Object.values(stack.services).map(({ test }) => bootPlanOf(test));
  const backend = await workingBackend(context, wanted, plans[0]!);
  for (const plan of plans.slice(1)) await chooseBackend(backend.name, plan);
  if (backend.joinsNetworks === true) return backend;
  throw new MillinerError(
    'BACKEND_LACKS',
    `${backend.title} cannot run the services of a stack: they need a private network, files and volumes`,
    { details: { backend: backend.name, lacks: [{ key: 'services', reason: 'a private network' }] } },
  );
}
