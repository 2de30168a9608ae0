/**
 * Processor time of what runs in a control group, by process, thread and container, sampled while it runs: the kernel
 * forgets each with its end. The threads that count live for seconds.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { groupSeconds, type GroupPlaces } from './processor-group.ts';

export interface ThreadTime {
  pid: number;
  /** Its process's first thread. */
  isMain: boolean;
  /** What the thread is called, and what the first thread of its process is. */
  name: string;
  program: string;
  isContained: boolean;
  seconds: number;
}

export class ProcessTimes {
  readonly #places: GroupPlaces;
  readonly #threads = new Map<string, ThreadTime>();
  readonly #containers = new Map<string, number>();

  constructor(places: GroupPlaces) {
    this.#places = places;
  }

  sample(): void {
    const { all, own } = this.#places;
    for (const place of new Set([all, own])) this.#sampleGroup(place, false);
    for (const name of directories(all)) {
      const place = join(all, name);
      if (place !== own) this.#sampleContainer(place);
    }
  }

  #sampleContainer(place: string): void {
    try {
      // A later container may have the name, but not the inode, of one before.
      this.#containers.set(`${place} ${statSync(place).ino}`, groupSeconds(place));
    } catch {
      return; // it has ended
    }
    this.#sampleGroup(place, true);
  }

  #sampleGroup(place: string, isContained: boolean): void {
    for (const pid of read(join(place, 'cgroup.procs')).split('\n').filter(Boolean)) {
      const program = read(`/proc/${pid}/comm`).trim();
      for (const thread of directories(`/proc/${pid}/task`)) {
        const task = `/proc/${pid}/task/${thread}`;
        const seconds = Number(read(`${task}/schedstat`).split(' ')[0]) / 1e9;
        const name = read(`${task}/comm`).trim();
        // A program that replaces another keeps its process and time: the later one counts for all of it.
        const one = { pid: Number(pid), isMain: thread === pid, name, program, isContained, seconds };
        if (name !== '' && seconds > 0) this.#threads.set(thread, one);
      }
    }
  }

  get threads(): ThreadTime[] {
    return [...this.#threads.values()];
  }

  /** Of all containers, each with all of its programs, those included that no sample has met. */
  get containers(): number {
    return this.#containers.values().reduce((sum, seconds) => sum + seconds, 0);
  }
}

function directories(place: string): string[] {
  if (!existsSync(place)) return [];
  try {
    return readdirSync(place, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? one.name : []));
  } catch {
    return []; // it has ended
  }
}

/** Empty where it has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
