/** A Redis, a machine that schedules nights, and workers that run a stand-in for them. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { vi } from 'vitest';
import { start } from '../../../src/lib/host/exec.ts';
import { readFailure } from '../../../src/queue/job.ts';
import { nightQueue } from '../../../src/queue/night-claims.ts';
import { Queues } from '../../../src/queue/queues.ts';
import { addSchedule } from '../../../src/queue/schedules.ts';
import { checkout } from '../../helpers/milliner.ts';
import type { Behaviour } from '../../helpers/night-stand-in.ts';
import { password } from '../../helpers/publish-fixture.ts';
import { RedisServer } from '../../helpers/redis-server.ts';
import { eventually, Workshop, WorkerProcess } from './queue-fixture.ts';

const helper = (name: string) => join(checkout, 'test/helpers', `${name}.ts`);
export const day = 24 * 3600_000;

export class NightWorkshop {
  readonly workshop: Workshop;
  readonly redis: RedisServer;
  readonly client: Redis;
  readonly queues: Queues;
  readonly #workers: WorkerProcess[] = [];

  private constructor(workshop: Workshop, redis: RedisServer, state: string) {
    this.workshop = workshop;
    this.redis = redis;
    this.client = redis.client();
    this.queues = new Queues(this.client, state);
  }

  static async open(): Promise<NightWorkshop> {
    const workshop = await Workshop.open();
    await workshop.bench.desk.tiny('small', ['tiny-base']);
    const nights = new NightWorkshop(workshop, await RedisServer.start(), workshop.bench.desk.path('one'));
    await workshop.enroll([nights.stateOf('one'), nights.stateOf('two')]);
    return nights;
  }

  stateOf(name: string): string {
    return this.workshop.bench.desk.path(name);
  }

  async close(): Promise<void> {
    await this.stopWorkers();
    await this.queues.close();
    this.client.disconnect();
    await this.workshop.close();
    await this.redis.close();
  }

  async stopWorkers(): Promise<void> {
    for (const worker of this.#workers.splice(0)) {
      worker.kill('SIGTERM');
      await worker.ended;
    }
  }

  worker(state = 'one', slots = 2): WorkerProcess {
    const args = [helper('night-worker'), this.stateOf(state), helper('night-stand-in'), String(slots)];
    const env = { MILLINER_REDIS: this.redis.url, MILLINER_KEY_PASSWORD: password };
    const child = start(process.execPath, [...args, this.workshop.bench.key], { env, killAfter: false });
    const worker = new WorkerProcess(child);
    this.#workers.push(worker);
    return worker;
  }

  pathOf(set: string): string {
    return this.workshop.bench.desk.path('recipes', `${set}.yaml`);
  }

  async set(name: string, behaviour: Behaviour = {}): Promise<string> {
    const path = this.pathOf(name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, JSON.stringify({ name, key: 'none.key', recipes: ['small'] }));
    await this.behave(name, behaviour);
    return path;
  }

  async behave(name: string, behaviour: Behaviour): Promise<void> {
    await rm(`${this.pathOf(name)}.behaviour`, { force: true });
    await writeFile(`${this.pathOf(name)}.behaviour`, JSON.stringify(behaviour));
  }

  /** What stand-ins have done, without their process ids. */
  async runsOf(set: string): Promise<string[]> {
    const text = await readFile(`${this.pathOf(set)}.runs`, 'utf8').catch(() => '');
    return text.split('\n').flatMap((line) => line.split(' ')[0] || []);
  }

  /** Schedules the set as of some days ago, when no worker ran. */
  async scheduleSince(set: string, daysAgo: number, cron = '30 2 * * *'): Promise<void> {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - daysAgo * day });
    try {
      await addSchedule(this.queues, this.pathOf(set), { cron, plainHttp: false });
    } finally {
      vi.useRealTimers();
    }
  }

  get queue() {
    return this.queues.get(nightQueue);
  }

  /** The nights of a set that ended, in order. */
  async ended(set: string): Promise<Job[]> {
    const jobs = await this.queue.getJobs(['completed', 'failed']);
    const own = jobs.filter(({ id }) => id!.startsWith(`repeat:${set}:`) || id!.startsWith(`${set}.`));
    return own.toSorted((a, b) => a.finishedOn! - b.finishedOn!);
  }

  /** Waits until a job ends: the code that it failed with, or `done`. */
  async outcome(id: string): Promise<string> {
    const job = await eventually(async () => {
      const found = await this.queue.getJob(id);
      return found?.finishedOn === undefined ? undefined : found;
    });
    return job.failedReason ? readFailure(job.failedReason).code : 'done';
  }
}
