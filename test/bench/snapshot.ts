/**
 * What it costs to have a tree to write to: create, activate and mount a thin snapshot. Measured inside the virtual
 * machine, where device-mapper is; all in one run, because nothing there compares with another.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { deviceInfo } from '../../src/lib/host/device-mapper.ts';
import { native } from '../../src/lib/host/native.ts';
import { createPool, removePool } from '../../src/stages/snapshot/thin/create.ts';
import { deviceUuid, poolName, readConfig, thinName } from '../../src/stages/snapshot/thin/pool-config.ts';
import { ThinSnapshotter } from '../../src/stages/snapshot/thin/thin.ts';
import { thinRequest } from '../helpers/snapshot/drivers.ts';
import type { Bench as Cases } from './case.ts';

const operations = 20;
const runs = 5;
/** Thin ids far from those that the database gives out. */
const firstBareId = 1_000_000;

export async function snapshotCases(): Promise<Cases> {
  await spreadCalls();
  const places: string[] = [];
  const few = await openPool(places, 10);
  const many = await openPool(places, 1000);
  const common = { bench: 'snapshot', unit: 'ms', runs, seconds: { ours: 3, peer: 3 } };
  return {
    cases: [
      {
        ...common,
        case: 'beside dmsetup and mount commands',
        target: { atMost: 0.7 },
        ours: () => few.ours(),
        peer: () => few.commands(),
      },
      {
        ...common,
        case: 'beside the bare ioctls and mount',
        target: { atMost: 1.3 },
        ours: () => few.ours(),
        peer: () => few.bare(),
      },
      {
        ...common,
        case: 'with 1,000 in the pool, beside 10',
        target: { atMost: 1.5 },
        ours: () => many.ours(),
        peer: () => few.ours(),
      },
      {
        ...common,
        case: '20 in parallel, beside 20 in series',
        target: { atMost: 0.6 },
        ours: () => few.parallel(),
        peer: () => few.series(),
      },
    ],
    close: async () => {
      await few.snapshots.close();
      await many.snapshots.close();
      for (const place of places) {
        await removePool(place, { force: true });
        await rm(place, { recursive: true });
      }
    },
  };
}

/** Lets the threads that make system calls run on every core, whatever the one that runs JavaScript is held to. */
async function spreadCalls(): Promise<void> {
  await Promise.all(Array.from({ length: 16 }, () => stat('/')));
  for (const thread of await readdir('/proc/self/task')) {
    if (Number(thread) === process.pid) continue;
    execFileSync('taskset', ['-p', '-c', '0-1', thread], { stdio: 'ignore' });
  }
}

async function openPool(places: string[], count: number): Promise<Bench> {
  const state = await mkdtemp('/var/tmp/milliner-bench-');
  places.push(state);
  await createPool(state, { ...thinRequest, on: { size: 4 * 1024 ** 3 } });
  const snapshots = await ThinSnapshotter.open(state);
  await snapshots.prepare('key');
  await snapshots.commit('base', 'key');
  for (let index = 1; index < count; index++) await snapshots.prepare(`there ${index}`, 'base');
  const bench = new Bench(state, snapshots, await readConfig(state));
  // What the first of anything costs is not what the next do.
  await bench.ours();
  return bench;
}

class Bench {
  readonly snapshots: ThinSnapshotter;
  readonly #state: string;
  readonly #config: Awaited<ReturnType<typeof readConfig>>;
  #next = 0;

  constructor(state: string, snapshots: ThinSnapshotter, config: Awaited<ReturnType<typeof readConfig>>) {
    this.#state = state;
    this.snapshots = snapshots;
    this.#config = config;
  }

  /** Milliseconds of one; what was made is removed outside the measured time. */
  async ours(): Promise<number> {
    const keys = this.#keys();
    const took = await time(async () => {
      for (const key of keys) await this.#one(key);
    });
    await this.#remove(keys);
    return took / operations;
  }

  async series(): Promise<number> {
    return (await this.ours()) * operations;
  }

  async parallel(): Promise<number> {
    const keys = this.#keys();
    const took = await time(() => Promise.all(keys.map((key) => this.#one(key))));
    await this.#remove(keys);
    return took;
  }

  async #one(key: string): Promise<void> {
    await this.snapshots.prepare(key, 'base');
    await this.snapshots.mount(key);
  }

  #keys(): string[] {
    return Array.from({ length: operations }, () => `key ${this.#next++}`);
  }

  async #remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.snapshots.remove(key);
  }

  /** As a script would do it. */
  async commands(): Promise<number> {
    const pool = poolName(this.#config);
    const { path } = (await deviceInfo(pool))!;
    return this.#each(async (id, name, place) => {
      const table = `0 ${this.#config.volumeSectors} thin ${path} ${id}`;
      execFileSync('dmsetup', ['message', pool, '0', `create_snap ${id} 1`]);
      execFileSync('dmsetup', ['create', name, '--noudevsync', '--verifyudev', '--table', table]);
      execFileSync('mount', ['-t', 'ext4', '-o', 'noinit_itable,discard', `/dev/mapper/${name}`, place]);
    });
  }

  /** The kernel's part alone: neither database nor checks. */
  async bare(): Promise<number> {
    const pool = poolName(this.#config);
    const { major, minor } = (await deviceInfo(pool))!;
    return this.#each(async (id, name, place) => {
      const table = {
        start: 0,
        length: this.#config.volumeSectors,
        type: 'thin',
        params: `${major}:${minor} ${id}`,
      };
      await native().dmMessage(pool, `create_snap ${id} 1`);
      const made = await native().dmCreate(name, deviceUuid(this.#config, id), [table], false);
      if (!made.exists) throw new Error(`${name} is not there`);
      await native().mount(`/dev/dm-${made.minor}`, place, 'ext4', 0, 'noinit_itable,discard', '/', 0);
    });
  }

  async #each(work: (id: number, name: string, place: string) => Promise<void>): Promise<number> {
    const made = Array.from({ length: operations }, () => {
      const id = firstBareId + this.#next++;
      return { id, name: thinName(this.#config, id), place: join(this.#state, `bare-${id}`) };
    });
    for (const { place } of made) await mkdir(place);
    const took = await time(async () => {
      for (const { id, name, place } of made) await work(id, name, place);
    });
    for (const { id, name, place } of made) {
      await native().unmount(place, 0);
      await rm(place, { recursive: true });
      execFileSync('dmsetup', ['remove', '--retry', '--noudevsync', '--verifyudev', name]);
      await native().dmMessage(poolName(this.#config), `delete ${id}`);
    }
    return took / operations;
  }
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
