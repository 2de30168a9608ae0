/** Every backend: which of them a recipe or flag means, and whether it can do what the recipe asks for. */
import type { BackendName } from '../../lib/container/backend-names.ts';
import { nspawnProblem } from '../../lib/container/nspawn/nspawn.ts';
import { findRuntime, runtimeProblem } from '../../lib/container/runtime.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Backend } from './backend.ts';
import { nspawnBackend, ociBackend } from './container-backend.ts';
import { machineBackend } from './machine/machine-backend.ts';
import type { BootPlan } from './plan.ts';

/** One that is known to work, such as that of a running instance. */
export function backendOf(name: BackendName): Promise<Backend> {
  if (name === 'machine') return machineBackend();
  return name === 'nspawn' ? nspawnBackend() : ociBackend(name);
}

/**
 * `auto` takes the first OCI runtime that works. Throws HOST_MISSING if the wanted one does not work here, and
 * BACKEND_LACKS if it cannot do what the plan asks for.
 */
export async function chooseBackend(wanted: BackendName | 'auto', plan: BootPlan): Promise<Backend> {
  const name = wanted === 'auto' ? await findRuntime() : wanted;
  if (wanted !== 'auto') await requireWorking(name);
  const backend = await backendOf(name);
  const lacks = await backend.lacks(plan);
  if (lacks.length === 0) return backend;
  const words = lacks.map(({ key, reason }) => `${key}: ${reason}`).join('; ');
  throw new MillinerError('BACKEND_LACKS', `${backend.title} cannot do what the recipe asks for: ${words}`, {
    details: { backend: name, lacks },
  });
}

async function requireWorking(name: BackendName): Promise<void> {
  if (name === 'machine') return;
  const problem = await (name === 'nspawn' ? nspawnProblem() : runtimeProblem(name));
  if (problem !== undefined) throw refusedBackend(name, problem);
}

const packages: Partial<Record<BackendName, string>> = { nspawn: 'systemd-container' };

export function refusedBackend(name: BackendName, problem: string): MillinerError {
  const wanted = packages[name] ?? name;
  return new MillinerError('HOST_MISSING', `the backend ${name} does not work on this host: ${problem}`, {
    hint: `Install ${wanted}, or take another one with --backend or test.backend; milliner doctor tells which work here.`,
    details: { programs: [name] },
  });
}
