/** The running instances. Each is described in a file of its workspace, which is removed when it ends. */
import { join } from 'node:path';
import { z } from 'zod';
import type { BackendName } from '../../lib/container/backend-names.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { readdirIfThere } from '../../lib/host/files.ts';
import type { PortMapping } from '../../stages/boot/ports.ts';
import { JsonStore } from '../state/json-store.ts';
import { nameOfInstance } from './instance-name.ts';

export interface RunningInstance {
  /** Unique in this state, and short enough to type. */
  id: string;
  /** Given by `run --name`. */
  name?: string;
  backend: BackendName;
  container: string;
  directory: string;
  image: string;
  manifestDigest: string;
  /** Where it is an instance of a service. */
  stack?: { name: string; service: string; /** Removed once all of the stack is gone. */ directory: string };
  /** Of its user namespace. */
  ids?: IdRange;
  init: boolean;
  ports: PortMapping[];
  /** ISO 8601. */
  started: string;
  /** Process id of the supervisor. */
  supervisor: number;
  stopSignal: string;
  /** Milliseconds. */
  stopTimeout: number;
}

/** The record of an instance, in its directory. */
const recordIn = (directory: string) =>
  new JsonStore<RunningInstance>(directory, {
    what: 'the record of an instance',
    schema: z.custom<RunningInstance>(),
  });
const file = 'instance';

export async function describeInstance(instance: RunningInstance): Promise<void> {
  await recordIn(instance.directory).write(file, instance);
}

/** Requires an opened state: opening it removes dead instances. */
export async function listInstances(state: string): Promise<RunningInstance[]> {
  const work = join(state, 'work');
  // An instance may end in the meantime, and beside the directories lie the lock files of their owners.
  const names = (await readdirIfThere(work)) ?? [];
  const found = await Promise.all(names.map((name) => recordIn(join(work, name)).read(file)));
  return found.filter((one) => one !== undefined).toSorted((a, b) => (a.started < b.started ? -1 : 1));
}

/** Finds an instance by its name, its id, or a unique prefix of that. Throws INSTANCE_NOT_FOUND. */
export async function findInstance(state: string, id: string): Promise<RunningInstance> {
  const all = await listInstances(state);
  const ofName = all.find(({ name }) => name === id);
  if (ofName) return ofName;
  const [found, ...more] = all.filter((one) => one.id.startsWith(id));
  if (found && (more.length === 0 || found.id === id)) return found;
  const known = all.map((one) => `${one.id} (${nameOfInstance(one)})`).join(', ') || 'none';
  const what = found ? `${id} means more than one instance` : `no instance ${id} runs`;
  throw new MillinerError('INSTANCE_NOT_FOUND', `${what}; there are: ${known}`);
}
