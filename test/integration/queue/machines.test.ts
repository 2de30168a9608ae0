/**
 * Two machines with a state and a network of their own, one Redis, one registry: small recipes in chains of two (thirty in
 * the long run). One of the machines is stopped for longer than its locks last, and then goes on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FaultProxy, type Seen } from '../../helpers/registry/fault-proxy.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { remains } from '../../helpers/remains.ts';
import { Hosts } from './hosts.ts';
import { RedisServer } from '../../helpers/redis-server.ts';
import { soak, today } from '../../helpers/soak.ts';
import { Workshop, type Circumstances, type Line, type WorkerProcess } from './queue-fixture.ts';

/** Each is two releases; the later ones are there when the stopped machine goes on. */
const chains = soak ? { first: 10, later: 5 } : { first: 2, later: 2 };
const count = chains.first + chains.later;
/** Longer than a lock lasts, and than others need to see that it has ended. */
const frozenMilliseconds = 35_000;

let hosts: Hosts;
let redis: RedisServer;
let workshop: Workshop;
/** In front of the registry: what it is asked, and by whom that is done. */
let proxy: FaultProxy;
const machines: Circumstances[] = [];
const names: string[] = [];
const workers: WorkerProcess[] = [];

beforeAll(async () => {
  hosts = await Hosts.open();
  redis = await RedisServer.start({ address: hosts.address });
  workshop = await Workshop.open({ address: hosts.address });
  proxy = await FaultProxy.start(workshop.bench.server.host, hosts.address);
  for (const name of ['one', 'two']) {
    const env = { MILLINER_REDIS: redis.url, MILLINER_REDIS_PLAIN: 'yes' };
    machines.push({ wrapper: await hosts.add(), state: workshop.bench.desk.path(name), env });
  }
  await workshop.enroll(machines.map(({ state }) => state!));
});
afterAll(async () => {
  await workshop.close();
  proxy.close();
  await redis.close();
  await hosts.close();
});

/** One of the two a day. */
function inTurn(turn: number, name: string, body: () => Promise<void>): void {
  if (soak || turn === today % 2) test(name, body);
}

const isPublish = (line: Line) =>
  line.job?.endsWith('.publish') === true && line.message.startsWith('begins');

inTurn(
  0,
  'all are published, bases first, none twice; what a stopped machine still wanted is refused',
  async () => {
    await queueChains(1, chains.first);
    workers.push(
      ...machines.map((machine) => workshop.worker(['--once', '--key', workshop.bench.key], machine)),
    );
    const frozen = await freeze(workers[1]!, () => queueChains(chains.first + 1, count));
    for (const worker of workers) expect((await worker.ended).exitCode).toBe(0);

    const { releases } = await workshop.status(machines[0]);
    expect(
      releases.filter(({ state }) => state !== 'released').map(({ error, stages }) => [error, stages]),
    ).toEqual([]);
    expect(releases).toHaveLength(2 * count);
    // Both have worked, and the one that was stopped has gone on afterwards.
    for (const worker of workers) expect(worker.lines.filter(isPublish).length).toBeGreaterThan(1);
    expectOnce(proxy.seen);
    expectBasesFirst(proxy.seen);
    const lost = workers[1]!.lines.filter(
      ({ job, message }) => job === frozen && /lost|JOB_LOST/.test(message),
    );
    expect(lost.length).toBeGreaterThan(0);
    expect(workers[0]!.lines.some((line) => line.job === frozen && isPublish(line))).toBe(true);
    for (const name of names) expect(await workshop.bench.tags(name)).toHaveLength(4);
    for (const { state } of machines) {
      expect(await remains({ directory: state!, state: state! })).toEqual([]);
    }
  },
);

async function queueChains(from: number, to: number): Promise<void> {
  const recipes: string[] = [];
  for (let number = from; number <= to; number++) {
    const own = (name: string) => ({
      ...runsToItsEnd,
      files: [{ path: `/etc/${name}`, content: `${name}\n` }],
    });
    const [base, top] = [`base${number}`, `top${number}`];
    recipes.push(await workshop.bench.desk.tiny(top, ['tiny-app'], { ...own(top), from: base }));
    recipes.push(await workshop.bench.desk.tiny(base, ['tiny-base'], own(base)));
    names.push(base, top);
  }
  const ids = await workshop.queue(recipes, `${proxy.host}/{{name}}:1`, machines[0], '--plain-http');
  expect(ids).toHaveLength(recipes.length);
}

/** Stops it with all its processes where it is about to publish, and meanwhile does something else; gives the job. */
async function freeze(worker: WorkerProcess, meanwhile: () => Promise<void>): Promise<string> {
  const { job } = await worker.says(isPublish);
  await worker.signalFamily('SIGSTOP');
  await sleep(frozenMilliseconds);
  await meanwhile();
  await worker.signalFamily('SIGCONT');
  return job!;
}

const tagged = (seen: readonly Seen[]) =>
  seen.flatMap(({ method, url }) => {
    const [, repository, tag] = /^\/v2\/(\w+)\/manifests\/(\w+)$/.exec(url) ?? [];
    return method === 'PUT' && tag === '1' ? [repository!] : [];
  });

/** Each tag is moved once, and each manifest put once, whoever was stopped in the middle of it. */
function expectOnce(seen: readonly Seen[]): void {
  expect(tagged(seen).toSorted()).toEqual(names.toSorted());
}

function expectBasesFirst(seen: readonly Seen[]): void {
  const order = tagged(seen);
  for (let number = 1; number <= count; number++) {
    expect(order.indexOf(`base${number}`)).toBeLessThan(order.indexOf(`top${number}`));
  }
}

inTurn(1, 'a machine takes over a base that another has built, which is no more', async () => {
  const number = count + 1;
  await queueChains(number, number);
  const work = (machine: Circumstances) => workshop.worker(['--once', '--key', workshop.bench.key], machine);
  const first = work(machines[0]!);
  // Its base is built, and what stands on that has not begun to be.
  await first.says(({ job, message }) => isOf(job, `base${number}`, 'sign') && message.startsWith('begins'));
  await first.signalFamily('SIGKILL');
  await first.ended;
  expect(first.lines.filter(({ job }) => isOf(job, `top${number}`, 'build'))).toEqual([]);
  const second = work(machines[1]!);
  expect((await second.ended).exitCode).toBe(0);
  // All of its lines, so that a failure shows what it did instead.
  expect(second.lines.map(({ message }) => message)).toContainEqual(
    expect.stringContaining(`base${number}: taken over from another worker`),
  );
  const taken = second.lines.filter(({ message }) => message.includes('taken over from another worker'));
  expect(taken).toHaveLength(1);
  const all = [...workers, first, second].flatMap((worker) => worker.lines);
  expect(all.filter(({ message }) => message.includes('BLOB_MISSING'))).toEqual([]);
  expect(await workshop.bench.tags(`top${number}`)).toHaveLength(4);
});

const isOf = (job: string | undefined, recipe: string, stage: string) =>
  job?.startsWith(`${recipe}-`) === true && job.endsWith(`.${stage}`);
