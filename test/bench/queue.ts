/** Empty jobs through our consumer and through BullMQ's plain worker, and what finished jobs take in Redis. */
import { Queue, Worker, type JobsOptions } from 'bullmq';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Connection } from '../../src/queue/connection.ts';
import { Consumer } from '../../src/queue/consumer.ts';
import { retention } from '../../src/queue/job.ts';
import { prefix } from '../../src/queue/queues.ts';
import type { Bench, Case } from './case.ts';

const jobs = 10_000;
const concurrency = 32;

export async function queueCases(): Promise<Bench> {
  const state = await mkdtemp(join(tmpdir(), 'milliner-bench-'));
  const connection = await connect(state, { url: undefined });
  const close = async () => {
    await connection.close();
    await rm(state, { recursive: true });
  };
  const cases: Case[] = [
    {
      bench: 'queue',
      case: `${jobs} empty jobs, BullMQ's plain worker`,
      unit: 'jobs/s',
      target: { atLeast: 0.8 },
      runs: 5,
      seconds: { ours: 5, peer: 5 },
      ours: () => throughput(connection, ours),
      peer: () => throughput(connection, plain),
    },
    {
      bench: 'queue',
      case: `memory of ${jobs} finished jobs, all kept`,
      unit: 'MiB',
      target: { atMost: 0.3 },
      runs: 3,
      seconds: { ours: 10, peer: 10 },
      ours: () => memory(connection, retention),
      peer: () => memory(connection, {}),
    },
  ];
  return { cases, close };
}

interface Taker {
  close(): Promise<void>;
}

type Take = (connection: Connection, queue: string, onJob: () => void) => Taker;

const ours: Take = ({ redis }, queue, onJob) =>
  new Consumer(redis, queue, { concurrency, handler: async () => onJob(), onError: () => {} });

const plain: Take = ({ redis }, queue, onJob) =>
  new Worker(queue, async () => onJob(), { connection: redis, prefix, concurrency });

/** Jobs a second, from the first that is taken until the queue is empty. */
async function throughput(connection: Connection, take: Take): Promise<number> {
  const queue = await filled(connection, retention);
  const began = performance.now();
  await drained(connection, queue, take);
  const seconds = (performance.now() - began) / 1000;
  await forget(queue);
  return jobs / seconds;
}

async function drained(connection: Connection, queue: Queue, take: Take): Promise<void> {
  let left = jobs;
  const { promise, resolve } = Promise.withResolvers<void>();
  const taker = take(connection, queue.name, () => --left === 0 && resolve());
  await promise;
  await taker.close();
}

async function filled({ redis }: Connection, options: JobsOptions): Promise<Queue> {
  const queue = new Queue(`bench-${randomUUID()}`, { connection: redis, prefix });
  const batch = 1000;
  for (let from = 0; from < jobs; from += batch) {
    const names = Array.from({ length: batch }, (_, index) => `job-${from + index}`);
    await queue.addBulk(names.map((name) => ({ name: 'stage', data: dataOf(name), opts: options })));
  }
  return queue;
}

/** As much as a stage's job has. */
function dataOf(name: string): object {
  const digest = `sha256:${'0'.repeat(64)}`;
  const image = {
    arch: 'x86_64',
    manifestDigest: digest,
    records: [digest, digest],
    sboms: digest,
    verdict: digest,
  };
  const data = {
    recipe: name,
    run: randomUUID(),
    bundle: digest,
    arches: ['x86_64'],
    to: [`registry.example.com/${name}:1`],
  };
  return { release: name, stage: 'publish', data, images: [image] };
}

async function forget(queue: Queue): Promise<void> {
  await queue.obliterate({ force: true });
  await queue.close();
}

/** MiB, once all have finished with ten lines of log each. */
async function memory(connection: Connection, options: JobsOptions): Promise<number> {
  const before = await used(connection);
  const queue = await filled(connection, options);
  const worker = new Worker(
    queue.name,
    async (job) => {
      for (let line = 0; line < 10; line++)
        await job.log(`2026-01-01T00:00:00.000Z installing ${line} packages with rpm`);
    },
    { connection: connection.redis, prefix, concurrency },
  );
  while ((await queue.getJobCountByTypes('wait', 'active')) > 0)
    await new Promise((done) => setTimeout(done, 100));
  await worker.close();
  const after = await used(connection);
  await forget(queue);
  return (after - before) / 1024 ** 2;
}

async function used({ redis }: Connection): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
}
