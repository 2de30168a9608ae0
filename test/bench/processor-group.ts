/**
 * A control group whose processor time is counted: that of a command and of all that it starts, orphans and containers
 * included. Works with cgroup version 1 (cpuacct) and version 2 (kernel: cgroup-v1/cpuacct.rst, cgroup-v2.rst).
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeGroups } from '../../src/lib/container/cgroups.ts';
import { listMounts } from '../../src/lib/host/mounts.ts';

/**
 * The runtime puts a container's group at the root of each hierarchy, so its time would be missing. A mount namespace
 * shows the command its own group as that root. The group's name stands first in `$@`.
 */
const enter = 'echo $$ >"$2/cgroup.procs" && mount --bind "$1" "$3" && shift 3 && exec "$@"';

export interface GroupPlaces {
  all: string;
  own: string;
}

export class ProcessorGroup {
  readonly #name: string;
  readonly #hierarchy: string;
  readonly #unified: boolean;

  private constructor(name: string, hierarchy: string, unified: boolean) {
    this.#name = name;
    this.#hierarchy = hierarchy;
    this.#unified = unified;
  }

  static async make(): Promise<ProcessorGroup> {
    const mounted = await listMounts();
    const first = mounted.find(({ type, options }) => type === 'cgroup' && options.includes('cpuacct'));
    const found = first ?? mounted.find(({ type }) => type === 'cgroup2');
    if (!found) throw new Error('no cgroup hierarchy counts processor time here');
    const group = new ProcessorGroup(`bench-${randomUUID()}`, found.target, found.type === 'cgroup2');
    mkdirSync(group.#processes, { recursive: true });
    if (group.#unified) group.#passControllers();
    return group;
  }

  get #path(): string {
    return join(this.#hierarchy, this.#name);
  }

  /** A group of version 2 that passes its controllers to containers has no processes itself. */
  get #processes(): string {
    return this.#unified ? join(this.#path, 'command') : this.#path;
  }

  #passControllers(): void {
    for (const place of [this.#hierarchy, this.#path]) {
      const controllers = readFileSync(join(place, 'cgroup.controllers'), 'utf8')
        .split(/\s+/)
        .filter(Boolean);
      const words = controllers.map((name) => `+${name}`).join(' ');
      if (words !== '') writeFileSync(join(place, 'cgroup.subtree_control'), words);
    }
  }

  /** Its directory, and the one at or below it whose processes are in no container. */
  get places(): GroupPlaces {
    return { all: this.#path, own: this.#processes };
  }

  /** The command with the words before it that start it in the group; it keeps its process id. */
  within(command: readonly string[]): string[] {
    const places = [this.#path, this.#processes, this.#hierarchy];
    return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', enter, '-', ...places, ...command];
  }

  seconds(): number {
    return groupSeconds(this.#path);
  }

  async remove(): Promise<void> {
    if (existsSync(this.#path)) await removeGroups(this.#name);
  }
}

/** Processor time of a group so far, and of those below it. */
export function groupSeconds(place: string): number {
  const first = join(place, 'cpuacct.usage');
  if (existsSync(first)) return Number(readFileSync(first, 'utf8')) / 1e9;
  const [, microseconds] = /^usage_usec (\d+)$/m.exec(readFileSync(join(place, 'cpu.stat'), 'utf8'))!;
  return Number(microseconds) / 1e6;
}
