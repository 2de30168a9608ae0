/** What a client that can write to the Redis may try with nights: none is started that its sealed schedule does not say. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { nightClaims, nightQueue, type NightClaim } from '../../../src/queue/night-claims.ts';
import { listSchedules } from '../../../src/queue/schedule-status.ts';
import { runSchedule } from '../../../src/queue/schedules.ts';
import { Machines, type Sealed } from '../../../src/queue/sealed.ts';
import { day, NightWorkshop } from './night-fixture.ts';
import { eventually } from './queue-fixture.ts';

let nights: NightWorkshop;
let stranger: Machines;
beforeAll(async () => {
  nights = await NightWorkshop.open();
  stranger = new Machines(nights.stateOf('stranger'));
});
afterEach(() => nights.stopWorkers());
afterAll(() => nights.close());

let number = 0;
async function outcomeOf(data: unknown): Promise<string> {
  const job = await nights.queue.add(nightQueue, data, { jobId: `forged-${++number}` });
  return nights.outcome(job.id!);
}
const honest = (set: string, change: Partial<NightClaim> = {}) =>
  nights.queues.machines.seal(nightClaims.night, nightOf(set, change));
const nightOf = (set: string, change: Partial<NightClaim> = {}): NightClaim => ({
  version: 1,
  at: Date.now(),
  set,
  path: nights.pathOf(set),
  plainHttp: false,
  ...change,
});
const withPath = ({ payload, ...rest }: Sealed): Sealed => {
  const body = {
    ...(JSON.parse(Buffer.from(payload, 'base64').toString()) as NightClaim),
    path: '/etc/x.yaml',
  };
  return { ...rest, payload: Buffer.from(JSON.stringify(body)).toString('base64') };
};

test('claims that no enrolled machine has sealed are refused', async () => {
  await nights.set('sealed');
  nights.worker('two');
  expect(await outcomeOf({ night: nightOf('sealed') })).toBe('QUEUE_FORGED');
  expect(await outcomeOf({ night: withPath(await honest('sealed')) })).toBe('QUEUE_FORGED');
  expect(await outcomeOf({ night: await honest('sealed'), path: '/etc/x.yaml' })).toBe('QUEUE_FORGED');
  const foreign = await stranger.seal(nightClaims.night, nightOf('sealed'));
  expect(await outcomeOf({ night: foreign })).toBe('MACHINE_UNKNOWN');
  expect(await nights.runsOf('sealed')).toEqual([]);
});

test('a schedule that is moved forward in the queue starts nothing', async () => {
  await nights.set('early');
  await nights.scheduleSince('early', 0, '0 0 1 1 *');
  const [job] = await nights.queue.getDelayed();
  await job!.promote();
  nights.worker('two');
  expect(await nights.outcome(job!.id!)).toBe('NIGHT_NOT_DUE');
  const [schedule] = await listSchedules(nights.queues);
  expect(schedule).toMatchObject({ last: { state: 'failed', error: { code: 'NIGHT_NOT_DUE' } } });
  expect(await nights.runsOf('early')).toEqual([]);
});

test('what has run does not run again', async () => {
  await nights.set('again');
  nights.worker('two');
  const daily = await honest('again', { at: Date.now() - 2 * day, cron: '30 2 * * *' });
  const once = await honest('again');
  for (const night of [daily, once]) {
    expect(await outcomeOf({ night })).toBe('done');
    expect(await outcomeOf({ night })).toBe('NIGHT_NOT_DUE');
  }
  const replaced = await honest('again', { at: Date.now() - 3 * day, cron: '* * * * *' });
  expect(await outcomeOf({ night: replaced })).toBe('NIGHT_NOT_DUE');
  expect(await nights.runsOf('again')).toEqual(['begins', 'ends', 'begins', 'ends']);
});

test('a result that no machine has sealed is told as such', async () => {
  await nights.set('result');
  await nights.scheduleSince('result', 0, '0 0 1 1 *');
  nights.worker('two');
  const id = await runSchedule(nights.queues, 'result');
  expect(await nights.outcome(id)).toBe('done');
  const lastState = async () =>
    (await listSchedules(nights.queues)).find(({ set }) => set === 'result')?.last?.state;
  expect(await lastState()).toBe('done');
  await nights.client.hset(`milliner:night:${id}`, 'returnvalue', '{"exitCode":0}');
  expect(await lastState()).toBe('unconfirmed');
});

test('a schedule of others is not run by its name', async () => {
  const night = await stranger.seal(nightClaims.night, nightOf('foreign', { cron: '0 0 1 1 *' }));
  const pattern = '0 0 1 1 *';
  await nights.queue.upsertJobScheduler('foreign', { pattern, tz: 'UTC' }, { data: { night } });
  await expect(runSchedule(nights.queues, 'foreign')).rejects.toMatchObject({ code: 'MACHINE_UNKNOWN' });
  expect(
    await eventually(async () => (await listSchedules(nights.queues)).find(({ set }) => set === 'foreign')),
  ).toMatchObject({
    cron: pattern,
  });
});
