/** Boots that fail at first, or always: what is repeated, on what tree, and what is remembered of each boot. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Verdict } from '../../../src/stages/boot/verdict.ts';
import { FlakyInstances, flakyRecipe } from '../../helpers/flaky-image.ts';
import { Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';

type Answer = Verdict & { retries: number };

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
});
afterEach(async () => {
  expect(await remains(desk)).toEqual([]);
});
afterAll(() => desk.remove());

/** Few seconds for checks that fail on purpose, many for those that pass. */
const flaky = async (name: string, retries: number, seconds = 3) =>
  desk.build(await desk.tiny(name, ['tiny-base'], flakyRecipe(retries, seconds)));

async function stored(digest: string): Promise<Verdict> {
  const path = join(desk.state, 'verdicts', `${digest.replace('sha256:', '')}.json`);
  return JSON.parse(await readFile(path, 'utf8')) as Verdict;
}

test('a boot that fails the first time passes on a fresh tree, with the evidence of both', async () => {
  const { manifestDigest } = await flaky('once', 2);
  await using instances = new FlakyInstances(desk.state, 1);
  const { retries, ...verdict } = await desk.json<Answer>(['boot', 'once']);
  expect(instances.seen).toHaveLength(2);
  expect(retries).toBe(1);
  expect(verdict).toMatchObject({ passed: true, causes: [], checks: [{ passed: true }] });
  const [failed] = verdict.failedAttempts!;
  expect(verdict.failedAttempts).toHaveLength(1);
  expect(failed).toMatchObject({
    causes: [{ code: 'check-failed', instance: 1 }],
    checks: [{ passed: false, problem: expect.stringContaining('no felt') as string }],
    instances: [{ instance: 1, log: ['marked'] }],
  });
  expect(verdict.instances[0]!.log).toEqual(['marked']);
  expect(failed!.finished <= verdict.started).toBe(true);
  expect(await stored(manifestDigest)).toEqual(verdict);
});

test('people read why the first boot failed', async () => {
  await flaky('told', 1);
  await using instances = new FlakyInstances(desk.state, 1);
  const { code, stdout, stderr } = await desk.run(['boot', 'told']);
  expect([code, instances.seen.length]).toEqual([0, 2]);
  expect(stdout.split('\n').filter((line) => /^failed|^passed {2}after/.test(line))).toEqual([
    expect.stringContaining('check-failed') as string,
    'passed  after 1 retry',
  ]);
  expect(stderr).toContain('retry 1 of 1');
});

test('a boot that always fails uses up its retries: the error has the evidence of each', async () => {
  const { manifestDigest } = await flaky('never', 2, 1);
  await using instances = new FlakyInstances(desk.state, Infinity);
  const { code, exit, details } = await desk.fails(['boot', 'never']);
  expect([code, exit]).toEqual(['BOOT_FAILED', 11]);
  expect(instances.seen).toHaveLength(3);
  expect(details).toMatchObject({ passed: false, retries: 2, causes: [{ code: 'check-failed' }] });
  const { failedAttempts } = details as unknown as Verdict;
  expect(failedAttempts!.map(({ causes }) => causes.map(({ code: one }) => one))).toEqual([
    ['check-failed'],
    ['check-failed'],
  ]);
  expect(
    failedAttempts!.every(({ checks, instances: reports }) => checks.length + reports.length === 2),
  ).toBe(true);
  expect(await stored(manifestDigest)).toMatchObject({ passed: false, failedAttempts });
});

test('without retries, one boot decides', async () => {
  await flaky('strict', 0, 1);
  await using instances = new FlakyInstances(desk.state, 1);
  const { code, details } = await desk.fails(['boot', 'strict']);
  expect([code, details!['retries'], details!['failedAttempts']]).toEqual(['BOOT_FAILED', 0, undefined]);
  expect(instances.seen).toHaveLength(1);
});

test.each([
  ['no-program', { entrypoint: ['/no/such/program'] }, 'start-failed'],
  ['too-large', { entrypoint: ['/bin/sh', '-c', 'dd if=/dev/zero of=/dev/shm/fill bs=1M'] }, 'out-of-memory'],
])('%s is a fault of the image or its limits: no retry hides it', async (name, config, cause) => {
  const plan = { init: false, retries: 3, settle: '5s', limits: { memory: '32M' } };
  await desk.build(await desk.tiny(name, ['tiny-base'], { config, test: plan }));
  const { code, details } = await desk.fails(['boot', name]);
  expect([code, details!['retries']]).toEqual(['BOOT_FAILED', 0]);
  expect((details as unknown as Verdict).causes.map((one) => one.code)).toContain(cause);
});

test('neither digest nor lock depends on the number of retries; nothing is built anew, and the new one counts', async () => {
  const first = await flaky('same', 0, 1);
  const lock = await readFile(join(desk.recipes, 'same.lock.json'), 'utf8');
  const recipe = join(desk.recipes, 'same.yaml');
  await writeFile(recipe, (await readFile(recipe, 'utf8')).replace('retries: 0', 'retries: 1'));
  const ended = await desk.run(['build', recipe, '--json']);
  expect(JSON.parse(ended.stdout)).toMatchObject({ manifestDigest: first.manifestDigest });
  expect(ended.stderr).toContain('same: unchanged');
  expect(await readFile(join(desk.recipes, 'same.lock.json'), 'utf8')).toBe(lock);
  await using instances = new FlakyInstances(desk.state, 1);
  expect((await desk.json<Answer>(['boot', 'same'])).retries).toBe(1);
  expect(instances.seen).toHaveLength(2);
});

test('a signal during the retry ends it, and leaves no verdict', async () => {
  const { manifestDigest } = await flaky('stopped', 5, 1);
  const child = desk.start(['boot', 'stopped', '--json']);
  // Once alone: a second signal would not wait until all is cleared up.
  let isAsked = false;
  child.stderr.on('data', (chunk: Buffer) => {
    if (!isAsked && chunk.includes('retry 1 of 5')) isAsked = child.kill('SIGINT');
  });
  const { exitCode, stdout } = await child;
  expect(exitCode).toBe(130);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'INTERRUPTED' } });
  await expect(stored(manifestDigest)).rejects.toMatchObject({ code: 'ENOENT' });
});
