/** Which instances run: each is described in a file of its workspace, which goes when it ends. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { writeFileAtomic } from '../../lib/host/atomic-file.ts';
import { readdirIfThere } from '../../lib/host/files.ts';
import type { PortMapping } from '../../stages/boot/ports.ts';

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

const file = 'instance.json';
const folder = (state: string) => join(state, 'work');

export async function describeInstance(instance: RunningInstance): Promise<void> {
  await writeFileAtomic(join(instance.directory, file), JSON.stringify(instance));
}

/** To be asked of an opened state, which has cleared away what died. */
export async function listInstances(state: string): Promise<RunningInstance[]> {
  const names = (await readdirIfThere(folder(state))) ?? [];
  const texts = await Promise.all(
    names.map((name) => readFile(join(folder(state), name, file), 'utf8').catch(ifGone(undefined))),
  );
  const found = texts.flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as RunningInstance]));
  return found.toSorted((a, b) => (a.started < b.started ? -1 : 1));
}

/** Others end meanwhile; and beside the directories lie the files that mark their owners. */
function ifGone<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return instead;
    throw error;
  };
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
