/** Which instances run: each is described in a file of its workspace, which goes when it ends. */
import { join } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { readdirIfThere } from '../../lib/host/files.ts';
import type { PortMapping } from '../../stages/boot/ports.ts';
import { JsonStore } from '../state/json-store.ts';

export interface RunningInstance {
  /** Short, for people; unique in this state. */
  id: string;
  container: string;
  directory: string;
  image: string;
  manifestDigest: string;
  init: boolean;
  ports: PortMapping[];
  /** ISO 8601. */
  started: string;
  /** Of the process that looks after it. */
  supervisor: number;
  stopSignal: string;
  /** Milliseconds. */
  stopTimeout: number;
}

/** An instance's own, in its directory. */
const recordIn = (directory: string) =>
  new JsonStore<RunningInstance>(directory, {
    what: 'the record of an instance',
    schema: z.custom<RunningInstance>(),
  });
const file = 'instance';

export async function describeInstance(instance: RunningInstance): Promise<void> {
  await recordIn(instance.directory).write(file, instance);
}

/** To be asked of an opened state, which has cleared away what died. */
export async function listInstances(state: string): Promise<RunningInstance[]> {
  const work = join(state, 'work');
  // Others end meanwhile; and beside the directories lie the files that mark their owners.
  const names = (await readdirIfThere(work)) ?? [];
  const found = await Promise.all(names.map((name) => recordIn(join(work, name)).read(file)));
  return found.filter((one) => one !== undefined).toSorted((a, b) => (a.started < b.started ? -1 : 1));
}

/** By id or the beginning of one. Throws INSTANCE_NOT_FOUND. */
export async function findInstance(state: string, id: string): Promise<RunningInstance> {
  const all = await listInstances(state);
  const [found, ...more] = all.filter((one) => one.id.startsWith(id));
  if (found && (more.length === 0 || found.id === id)) return found;
  const known = all.map((one) => `${one.id} (${one.image})`).join(', ') || 'none';
  const what = found ? `${id} means more than one instance` : `no instance ${id} runs`;
  throw new MillinerError('INSTANCE_NOT_FOUND', `${what}; there are: ${known}`);
}
