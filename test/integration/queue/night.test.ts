/** Workers run the nights of release sets: when they are due, once, and whatever happens to the worker. */
import { rename } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { listSchedules } from '../../../src/queue/schedule-status.ts';
import { removeSchedule, runSchedule } from '../../../src/queue/schedules.ts';
import { cli } from '../../helpers/milliner.ts';
import { livingOf } from '../../helpers/remains.ts';
import { password, runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { NightWorkshop } from './night-fixture.ts';
import { eventually } from './queue-fixture.ts';

let nights: NightWorkshop;
beforeAll(async () => {
  nights = await NightWorkshop.open();
});
afterEach(() => nights.stopWorkers());
afterAll(() => nights.close());

const last = async (set: string) => (await listSchedules(nights.queues)).find((one) => one.set === set)?.last;
/** Schedules the set, and has it run now. */
async function runNow(set: string): Promise<string> {
  await nights.scheduleSince(set, 0, '0 0 1 1 *');
  return runSchedule(nights.queues, set);
}

test('nights that no worker could start are made up once', async () => {
  await nights.set('missed', { stderr: 'planning\n' });
  await nights.scheduleSince('missed', 5);
  nights.worker();
  const [job] = await eventually(async () => {
    const ended = await nights.ended('missed');
    return ended.length > 0 ? ended : undefined;
  });
  expect(await nights.outcome(job!.id!)).toBe('done');
  expect(await nights.queue.getDelayedCount()).toBe(1);
  const [schedule] = await listSchedules(nights.queues);
  expect(Date.parse(schedule!.next!)).toBeGreaterThan(Date.now());
  expect(schedule!.last).toMatchObject({ job: job!.id, state: 'done', end: { exitCode: 0 } });
  expect(schedule!.last?.end?.answer).toMatchObject({
    args: [
      'nightly',
      nights.pathOf('missed'),
      '--state',
      nights.stateOf('one'),
      '--storage',
      'overlay',
      '--json',
    ],
    names: ['MILLINER_REDIS'],
  });
  const { logs } = await nights.queue.getJobLogs(job!.id!);
  expect(logs.some((line) => line.endsWith(' planning'))).toBe(true);
  expect(await nights.runsOf('missed')).toEqual(['begins', 'ends']);
  await removeSchedule(nights.queues, 'missed');
});

test('a worker that is killed in a night: the next one runs it again, once', async () => {
  await nights.set('killed', { milliseconds: 600_000 });
  const first = nights.worker();
  const id = await runNow('killed');
  await eventually(async () => ((await nights.runsOf('killed')).length > 0 ? true : undefined));
  const started = await first.descendants();
  first.kill('SIGKILL');
  await first.ended;
  await eventually(async () => ((await livingOf(started)).length === 0 ? true : undefined));
  await nights.behave('killed', {});
  nights.worker('two');
  expect(await nights.outcome(id)).toBe('done');
  expect(await nights.runsOf('killed')).toEqual(['begins', 'orphaned', 'begins', 'ends']);
});

test('a worker that stops ends the night and hands it back', async () => {
  await nights.set('stopped', { milliseconds: 600_000 });
  const first = nights.worker();
  const id = await runNow('stopped');
  await eventually(async () => ((await nights.runsOf('stopped')).length > 0 ? true : undefined));
  first.kill('SIGTERM');
  expect((await first.ended).exitCode).toBe(0);
  await nights.behave('stopped', { exitCode: 3 });
  nights.worker();
  expect(await nights.outcome(id)).toBe('done');
  expect(await nights.runsOf('stopped')).toEqual(['begins', 'terminated', 'begins', 'ends']);
  expect((await last('stopped'))?.end?.exitCode).toBe(3);
});

test('a night waits for its release on a worker with one slot', async () => {
  const { bench } = nights.workshop;
  const recipe = await bench.desk.tiny('hat', ['tiny-base'], runsToItsEnd);
  const releasing = nights.workshop.releasing([recipe], `${bench.server.host}/hat:1`);
  const place = [`MILLINER_STATE=${nights.stateOf('one')}`, `MILLINER_KEY_PASSWORD=${password}`];
  await nights.set('waiting', { first: ['env', ...place, process.execPath, cli, ...releasing] });
  nights.worker('one', 1);
  expect(await nights.outcome(await runNow('waiting'))).toBe('done');
  expect(await bench.tags('hat')).toContain('1');
});

test('two nights of one set do not run beside each other', async () => {
  await nights.set('twice', { milliseconds: 3000 });
  nights.worker('one');
  nights.worker('two');
  const first = await runNow('twice');
  await eventually(async () => ((await nights.runsOf('twice')).length > 0 ? true : undefined));
  const second = await runSchedule(nights.queues, 'twice');
  expect([await nights.outcome(first), await nights.outcome(second)]).toEqual(['done', 'done']);
  expect(await nights.runsOf('twice')).toEqual(['begins', 'ends', 'begins', 'ends']);
});

test('a night that another command runs already waits for its end', async () => {
  await nights.set('busy', { answer: { error: { code: 'BUSY', message: 'no', hint: 'yes' } }, exitCode: 8 });
  nights.worker();
  const id = await runNow('busy');
  await eventually(async () => ((await (await nights.queue.getJob(id))!.isDelayed()) ? true : undefined));
  await nights.behave('busy', {});
  expect(await nights.outcome(id)).toBe('done');
  expect((await nights.queue.getJob(id))!.attemptsMade).toBe(1);
  expect(await nights.runsOf('busy')).toEqual(['begins', 'ends', 'begins', 'ends']);
});

test('a set that is not on this machine is left to others', async () => {
  const path = await nights.set('away');
  const id = await runNow('away');
  await rename(path, `${path}.away`);
  const worker = nights.worker();
  await worker.says(({ job, level }) => job === id && level === 'info');
  await eventually(async () => ((await (await nights.queue.getJob(id))!.isDelayed()) ? true : undefined));
  expect(await nights.runsOf('away')).toEqual([]);
  await rename(`${path}.away`, path);
  expect(await nights.outcome(id)).toBe('done');
});

test.each([
  ['its own error', { error: { code: 'SET_INVALID', message: 'no', hint: 'yes' } }, 'SET_INVALID'],
  ['an answer that is no object', [], 'WORKER_DIED'],
])('a night that ends with %s', async (_, answer, code) => {
  await nights.set('failing', { answer, exitCode: 2 });
  nights.worker();
  const id = await runNow('failing');
  // What may pass is tried again after a minute.
  if (code === 'WORKER_DIED') {
    const failed = await eventually(async () => {
      const job = (await nights.queue.getJob(id))!;
      return job.attemptsMade > 0 ? job : undefined;
    });
    expect(JSON.parse(failed.failedReason)).toMatchObject({ code });
    expect((await last('failing'))?.state).toBe('retrying');
  } else expect(await nights.outcome(id)).toBe(code);
});
