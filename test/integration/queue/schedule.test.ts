/** `milliner schedule` with the private queue of a state: what is added stays there when its Redis has stopped. */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ScheduleStatus } from '../../../src/queue/schedule-status.ts';
import type { Scheduled } from '../../../src/queue/schedules.ts';
import { Desk, type ErrorAnswer } from '../../helpers/milliner.ts';
import { serversBelow } from './queue-fixture.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
  await desk.tiny('small', ['tiny-base']);
});
afterAll(() => desk.remove());

const pathOf = (name: string) => desk.path('recipes', `${name}.yaml`);
async function writeSet(name: string, more: object = {}): Promise<string> {
  await writeFile(pathOf(name), JSON.stringify({ name, key: 'none.key', recipes: ['small'], ...more }));
  return pathOf(name);
}
const schedules = async () =>
  (await desk.json<{ schedules: ScheduleStatus[] }>(['schedule', 'list'])).schedules;
async function codeOf(...args: string[]): Promise<string> {
  const { stdout } = await desk.run(['schedule', ...args, '--json']);
  return (JSON.parse(stdout) as { error: ErrorAnswer }).error.code;
}

test('a schedule is kept, replaced and removed', async () => {
  const path = await writeSet('fedora', { schedule: '30 2 * * *' });
  const added = await desk.json<Scheduled & { served: boolean }>(['schedule', 'add', path]);
  expect(added).toMatchObject({ set: 'fedora', path, cron: '30 2 * * *', plainHttp: false, served: false });
  expect(added.next).toMatch(/T02:30:00\.000Z$/);
  expect(await serversBelow(desk.state)).toEqual([]);
  expect(await schedules()).toEqual([{ set: 'fedora', path, cron: '30 2 * * *', next: added.next }]);

  const again = await desk.json<Scheduled>(['schedule', 'add', path, '--cron', '0 5 1 * *', '--plain-http']);
  expect(again).toMatchObject({ cron: '0 5 1 * *', plainHttp: true });
  const other = await writeSet('other', { schedule: '*/5 * * * *' });
  await desk.json(['schedule', 'add', other]);
  expect((await schedules()).map(({ set, cron, next }) => [set, cron, next?.slice(8, 19)])).toEqual([
    ['fedora', '0 5 1 * *', '01T05:00:00'],
    ['other', '*/5 * * * *', expect.any(String)],
  ]);
  const status = await desk.json<{ schedules: ScheduleStatus[] }>(['queue', 'status']);
  expect(status.schedules.map(({ set }) => set)).toEqual(['fedora', 'other']);

  expect(await desk.json(['schedule', 'remove', 'fedora'])).toEqual({ removed: 'fedora', running: [] });
  expect((await schedules()).map(({ set }) => set)).toEqual(['other']);
  expect(await desk.json(['schedule', 'list', 'other'])).toMatchObject({ set: 'other', logs: [] });
  await desk.json(['schedule', 'remove', 'other']);
});

test('a night that is asked for now is a job of its own', async () => {
  await desk.json(['schedule', 'add', await writeSet('now', { schedule: '0 0 1 1 *' })]);
  const { job } = await desk.json<{ job: string }>(['schedule', 'run', 'now']);
  expect(job).toMatch(/^now\.\d+$/);
  expect((await schedules()).map(({ set }) => set)).toEqual(['now']);
  await desk.json(['schedule', 'remove', 'now']);
  // Nothing is left to do.
  expect(await desk.json(['worker', '--once'])).toEqual({ left: [] });
});

test.each([
  ['a set that is not there', 'SET_NOT_FOUND', () => ['add', desk.path('none.yaml')]],
  ['a set without a schedule', 'SCHEDULE_MISSING', async () => ['add', await writeSet('bare')]],
  ['a day that never comes', 'SCHEDULE_MISSING', () => ['add', pathOf('bare'), '--cron', '0 0 31 2 *']],
  ['words for numbers', 'USAGE', () => ['add', pathOf('bare'), '--cron', '@daily']],
  ['too many fields', 'USAGE', () => ['add', pathOf('bare'), '--cron', '0 30 2 * * *']],
  ['a schedule that is not there', 'SCHEDULE_NOT_FOUND', () => ['remove', 'bare']],
  ['a schedule to run that is not there', 'SCHEDULE_NOT_FOUND', () => ['run', 'bare']],
  ['a schedule to list that is not there', 'SCHEDULE_NOT_FOUND', () => ['list', 'bare']],
])('refused: %s', async (_, code, args) => {
  expect(await codeOf(...(await args()))).toBe(code);
});
