/**
 * Whoever carries a release is killed in each of its stages: the worker, or the Redis below it. The next worker ends
 * it, and the registry holds what it holds after a release that nobody has disturbed.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leftovers } from '../../helpers/traces.ts';
import { livingOf } from '../../helpers/remains.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { soak, today } from '../../helpers/soak.ts';
import { eventually, serversBelow, Workshop, type Line } from './queue-fixture.ts';

/** How a worker's log shows that a stage is under way. */
const marks: Record<string, (line: Line) => boolean> = {
  lock: ({ job, message }) => job?.endsWith('.lock') === true && message.endsWith('locking'),
  build: ({ message }) => message.startsWith('installing'),
  boot: ({ message }) => message.startsWith('booting'),
  sign: ({ message }) => message.startsWith('signing'),
  publish: ({ job, message }) => job?.endsWith('.publish') === true && message.startsWith('begins'),
};
/** One of them a day, for each kind of killing another. */
function stagesOfDay(kind: number): string[] {
  const stages = Object.keys(marks);
  return soak ? stages : [stages[(today + kind) % stages.length]!];
}

let workshop: Workshop;
let recipe: string;
let wanted: Awaited<ReturnType<Workshop['stored']>>;
beforeAll(async () => {
  workshop = await Workshop.open();
  recipe = await workshop.bench.desk.tiny('hat', ['tiny-base', 'tiny-slow'], {
    ...runsToItsEnd,
    // Long enough to be killed in.
    test: { init: false, ready: { exit: 0 }, settle: '1s', instances: 2 },
  });
  await workshop.json(workshop.releasing([recipe], referenceOf('undisturbed')), placeOf('undisturbed'));
  wanted = await workshop.stored('undisturbed');
});
afterAll(() => workshop.close());

const referenceOf = (repository: string) => `${workshop.bench.server.host}/${repository}:1`;
const placeOf = (name: string) => ({ state: workshop.bench.desk.path(`state-${name}`) });

async function isComplete(name: string): Promise<void> {
  const { releases } = await workshop.status(placeOf(name));
  expect(releases.map(({ state }) => state)).toEqual(['released']);
  expect(await workshop.stored(name)).toEqual(wanted);
  expect(await workshop.bench.tags(name)).toHaveLength(4);
  const { state } = placeOf(name);
  expect(await leftovers(state, state)).toEqual([]);
  expect(await serversBelow(state)).toEqual([]);
}

async function killWorkerIn(stage: string): Promise<void> {
  const name = `worker-${stage}`;
  await workshop.queue([recipe], referenceOf(name), placeOf(name));
  const worker = workshop.worker([], placeOf(name));
  await worker.says(marks[stage]!);
  const started = await worker.descendants();
  worker.kill('SIGKILL');
  await worker.ended;
  const next = workshop.worker(['--once'], placeOf(name));
  expect((await next.ended).exitCode).toBe(0);
  expect(await livingOf(started)).toEqual([]);
  await isComplete(name);
}

async function killRedisIn(stage: string): Promise<void> {
  const name = `redis-${stage}`;
  const place = placeOf(name);
  await workshop.queue([recipe], referenceOf(name), place);
  const worker = workshop.worker(['--once'], place);
  await worker.says(marks[stage]!);
  const [pid] = await serversBelow(place.state);
  process.kill(pid!, 'SIGKILL');
  // The worker itself starts it again.
  await eventually(async () => (await serversBelow(place.state)).find((other) => other !== pid));
  expect((await worker.ended).exitCode).toBe(0);
  await isComplete(name);
}

async function killBothIn(stage: string): Promise<void> {
  const name = `both-${stage}`;
  const place = placeOf(name);
  await workshop.queue([recipe], referenceOf(name), place);
  const worker = workshop.worker([], place);
  await worker.says(marks[stage]!);
  for (const pid of await serversBelow(place.state)) process.kill(pid, 'SIGKILL');
  worker.kill('SIGKILL');
  await worker.ended;
  expect((await workshop.worker(['--once'], place).ended).exitCode).toBe(0);
  await isComplete(name);
}

// Most of the time each of them waits until a lock has ended.
describe.concurrent('killed', () => {
  test.each(stagesOfDay(0))('the worker, in stage %s: the next one completes the release', killWorkerIn);
  test.each(stagesOfDay(1))('redis-server, in stage %s: started again, it has lost nothing', killRedisIn);
  test.each(stagesOfDay(2))('both at once, in stage %s', killBothIn);

  test('the process of a job is killed: the job is done again, and says so', async () => {
    const name = 'child';
    const [id] = await workshop.queue([recipe], referenceOf(name), placeOf(name));
    const worker = workshop.worker(['--once'], placeOf(name));
    await worker.says(marks['build']!);
    for (const pid of await worker.jobs()) process.kill(pid, 'SIGKILL');
    expect((await worker.ended).exitCode).toBe(0);
    expect(worker.lines.some(({ message }) => message.startsWith('WORKER_DIED'))).toBe(true);
    await isComplete(name);
    const args = ['queue', 'status', id!];
    const { stages: jobs } = await workshop.json<{ stages: { stage: string; attempts: number }[] }>(
      args,
      placeOf(name),
    );
    expect(jobs.find(({ stage }) => stage === 'build')?.attempts).toBe(2);
  });
});
