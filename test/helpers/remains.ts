/** What instances may not leave behind, once they have ended or a command has cleared up after them. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { groupPrefix } from '../../src/pipeline/state/workspace.ts';
import { leftovers } from './traces.ts';

interface Place {
  directory: string;
  state: string;
}

/** Containers, control groups, mounts, snapshots, work, processes; none is right. */
export async function remains({ directory, state }: Place): Promise<string[]> {
  const found = [...(await leftovers(directory, state)), ...(await groups(groupPrefix(state)))];
  // Whoever looked after an instance that was just stopped may need a moment to end itself, with the file that it holds.
  if (found.length === 0 || !found.every((one) => /^(?:process|work\/[0-9a-f]+$)/.test(one))) return found;
  await sleep(2000);
  return [...(await leftovers(directory, state)), ...(await groups(groupPrefix(state)))];
}

/** Control groups of this state in any hierarchy, with or without processes. */
export async function groups(prefix: string): Promise<string[]> {
  const root = '/sys/fs/cgroup';
  const hierarchies = existsSync(join(root, 'cgroup.controllers'))
    ? [root]
    : (await readdir(root)).map((name) => join(root, name));
  const found = await Promise.all(
    hierarchies.map(async (place) => (await readdir(place)).map((name) => join(place, name))),
  );
  return found.flat().filter((path) => path.includes(`/${prefix}`));
}

/** Pid and start time, which together name a process for good (proc_pid_stat(5)). */
export type Process = `${number} ${string}`;

/** All that a process has started, directly or not. */
export async function descendantsOf(pid: number): Promise<Process[]> {
  const all = await processes();
  const found: Process[] = [];
  const parents = [pid];
  for (let parent = parents.shift(); parent !== undefined; parent = parents.shift()) {
    for (const one of all.filter((candidate) => candidate.parent === parent)) {
      parents.push(one.pid);
      found.push(one.name);
    }
  }
  return found;
}

/** Those that still live; one that nobody has waited for yet does not. */
export async function livingOf(wanted: Process[]): Promise<string[]> {
  const living = (await processes()).filter(({ name, state }) => wanted.includes(name) && state !== 'Z');
  return Promise.all(
    living.map(async ({ pid }) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return `${pid} ${command.replaceAll('\0', ' ')}`;
    }),
  );
}

async function processes() {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')));
  return texts.filter(Boolean).map((text) => {
    // A program's name may hold anything, a closing bracket too.
    const [state = '', parent, ...rest] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const pid = Number.parseInt(text, 10);
    const name: Process = `${pid} ${rest[17] ?? ''}`;
    return { pid, parent: Number(parent), state, name };
  });
}
