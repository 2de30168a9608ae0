/** What isolates the services of a stack: one backend for all of them. */
import type { BackendName } from '../../lib/container/backend-names.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Backend, Lack } from '../../stages/boot/backend.ts';
import { chooseBackend } from '../../stages/boot/backends.ts';
import type { Context } from '../state/context.ts';
import { bootPlanOf } from './boot-plan.ts';
import type { StackToRun } from './resolve-stack.ts';
import { sharedVolumes } from './shared-volumes.ts';
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
  if (backend.joinsNetworks !== true)
    throw lacking(backend, [{ key: 'services', reason: 'its instances have no private network' }]);
  const shared = backend.ownDisk ? sharedVolumes(stack) : [];
  if (shared.length > 0) throw lacking(backend, shared);
  return backend;
}

function lacking({ name, title }: Backend, lacks: Lack[]): MillinerError {
  const words = lacks.map(({ key, reason }) => `${key}: ${reason}`).join('; ');
  return new MillinerError('BACKEND_LACKS', `${title} cannot run the services of the stack: ${words}`, {
    details: { backend: name, lacks },
  });
}
