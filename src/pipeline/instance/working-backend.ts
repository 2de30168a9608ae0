/** The backend of a boot or a run. One that is chosen by name is tried out first: an image is not to blame for a host. */
import type { BackendName } from '../../lib/container/backend-names.ts';
import type { Backend } from '../../stages/boot/backend.ts';
import { chooseBackend, refusedBackend } from '../../stages/boot/backends.ts';
import type { BootPlan } from '../../stages/boot/plan.ts';
import type { Context } from '../state/context.ts';
import { guestIdsOf } from '../state/guest-ids.ts';
import { withWorkspace } from '../state/workspace.ts';

/** Throws HOST_MISSING, BACKEND_LACKS, HOST_ROOT_SHARED. */
export async function workingBackend(
  context: Context,
  wanted: BackendName | 'auto',
  plan: BootPlan,
): Promise<Backend> {
  const backend = await chooseBackend(wanted, plan);
  if (wanted === 'auto') return backend;
  const hasIds = (await guestIdsOf(context)) !== undefined;
  const problem = await withWorkspace(context.state, async (place) =>
    backend.problem?.({ ...place, hasIds }),
  );
  if (problem !== undefined) throw refusedBackend(backend.name, problem);
  return backend;
}
