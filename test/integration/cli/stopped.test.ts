/** Commands that are killed or interrupted at every stage: the next one succeeds with the same digest, and nothing stays. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { leftovers } from '../../helpers/traces.ts';
import { shareOfDay, soak } from '../../helpers/soak.ts';

useOneProcess();

let desk: Desk;
let recipe: string;
let digest: string;
let seconds: number;

beforeAll(async () => {
  desk = await Desk.open();
  recipe = await desk.tiny('stopped', ['tiny-base', 'tiny-app', 'tiny-slow']);
  const undisturbed = await desk.build(recipe);
  digest = undisturbed.manifestDigest;
  seconds = undisturbed.seconds;
});
// After a test that has failed there may be more to clear than files.
afterEach(async () => {
  await unmountAllBelow(desk.state, { detach: true });
  await rm(desk.state, { recursive: true, force: true });
});
afterAll(() => desk.remove());

/** From nothing: no state, no lock. */
async function forget(): Promise<void> {
  await rm(desk.state, { recursive: true, force: true });
  await rm(desk.path('recipes', 'stopped.lock.json'), { force: true });
}

/** In a process group of its own, as a service manager starts it. */
const start = () =>
  desk.start(['build', recipe, '--json', '--output', desk.path('oci')], { wrapper: ['setsid'] });

async function said(child: ReturnType<Desk['start']>, words: string): Promise<void> {
  let text = '';
  const heard = new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes(words)) resolve();
    });
    child.stderr.on('close', () => reject(new Error(`it ended without saying "${words}": ${text}`)));
  });
  await heard;
}

/** The same command again ends well, and only then the traces are gone: a killed process cannot clear up. */
async function recovers(): Promise<void> {
  expect(await desk.build(recipe, '--output', desk.path('oci'))).toMatchObject({ manifestDigest: digest });
  expect(await leftovers(desk.directory)).toEqual([]);
}

const stages = [
  'locking',
  'opening repository',
  'building',
  'fetching packages',
  'checking the signatures',
  'installing 3 packages',
  'installing: 100%',
  'verifying the installed files',
  'writing the layer',
];
/** Each of these is a whole build more. */
const sample = soak
  ? stages
  : shareOfDay(['locking', 'fetching packages', 'installing: 100%', 'writing the layer'], 2);

test.each(sample)('killed at "%s"', async (words) => {
  await forget();
  const child = start();
  await said(child, words);
  child.kill('SIGKILL');
  expect((await child).signal).toBe('SIGKILL');
  await recovers();
});

test.each(soak ? stages : ['installing 3 packages'])(
  'killed at "%s" with all that it had started',
  async (words) => {
    await forget();
    const child = start();
    await said(child, words);
    process.kill(-child.pid!, 'SIGKILL');
    await child;
    await recovers();
  },
);

test('killed in a build from nothing that --check makes', async () => {
  await forget();
  const child = desk.start(['build', recipe, '--check'], { wrapper: ['setsid'] });
  await said(child, 'installing: 100%');
  child.kill('SIGKILL');
  await child;
  await recovers();
});

test('a container whose runtime was killed before it wrote down its state', async () => {
  await forget();
  const child = start();
  await said(child, 'installing: 100%');
  process.kill(-child.pid!, 'SIGKILL');
  await child;
  const [workspace] = (await readdir(join(desk.state, 'work'))).filter((name) => name.endsWith('.d'));
  await rm(join(desk.state, 'work', workspace!, 'runtime'), { recursive: true });
  await mkdir(join(desk.state, 'work', workspace!, 'runtime'));
  await recovers();
});

test('killed at any time', async () => {
  for (let round = 0; round < (soak ? 150 : 1); round++) {
    await forget();
    const child = start();
    await sleep(Math.random() * seconds * 1300);
    try {
      process.kill(Math.random() < 0.5 ? -child.pid! : child.pid!, 'SIGKILL');
    } catch {
      // it has ended by itself
    }
    await child;
    await recovers();
  }
});

test.each([
  ...shareOfDay(stages, 3).map((words) => ['SIGINT', words] as const),
  ['SIGTERM', 'installing: 100%'],
  ['SIGHUP', 'installing: 100%'],
] as const)('%s at "%s": ends with 130, and nothing stays', async (signal, words) => {
  await forget();
  const child = start();
  await said(child, words);
  child.kill(signal);
  const ended = await child;
  expect(ended.exitCode).toBe(130);
  expect(JSON.parse(ended.stdout)).toMatchObject({ error: { code: 'INTERRUPTED' } });
  expect(await leftovers(desk.directory)).toEqual([]);
});

test('interrupted at any time: ends with 130 or well, and nothing stays', async () => {
  for (let round = 0; round < (soak ? 150 : 1); round++) {
    await forget();
    const child = start();
    // Before it listens to signals there is nothing to undo.
    await said(child, 'locking');
    await sleep(Math.random() * seconds * 1000);
    child.kill('SIGTERM');
    expect([0, 130]).toContain((await child).exitCode);
    expect(await leftovers(desk.directory)).toEqual([]);
  }
});

test('interrupted while it waits for another command', async () => {
  await forget();
  const first = start();
  await said(first, 'building');
  const second = desk.start(['build', recipe]);
  await said(second, 'waiting for');
  second.kill('SIGINT');
  expect((await second).exitCode).toBe(130);
  expect(await first).toMatchObject({ exitCode: 0 });
  expect(await leftovers(desk.directory)).toEqual([]);
});

test('a build whose words nobody reads goes on to its end', async () => {
  await forget();
  const child = start();
  await said(child, 'opening');
  child.stderr.destroy();
  child.stdout.destroy();
  await child;
  expect(await leftovers(desk.directory)).toEqual([]);
  expect(await desk.run(['build', recipe])).toMatchObject({ stderr: 'stopped: unchanged\n' });
});
