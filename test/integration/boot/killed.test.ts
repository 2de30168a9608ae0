/**
 * Commands with instances that are killed at any time: one more command, whatever it is, removes every trace of them.
 * The points in time come from a seed, which is printed where one of them fails.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { groupPrefix } from '../../../src/pipeline/state/workspace.ts';
import { cgroupMount } from '../../../src/stages/boot/cgroup-view.ts';
import { Desk } from '../../helpers/milliner.ts';
import { descendantsOf, livingOf, remains, type Process } from '../../helpers/remains.ts';
import { backendOfDay, soak } from '../../helpers/soak.ts';
import { entrypointOf } from './programs.ts';

const rounds = soak ? 40 : 4;
const seed = Number(process.env['MILLINER_SEED'] ?? randomInt(2 ** 31));

const backend = ['--backend', backendOfDay];

let desk: Desk;
/** Milliseconds that a boot takes here. */
let duration: number;

beforeAll(async () => {
  desk = await Desk.open();
  const serve = await entrypointOf('serve');
  const plan = { ready: { notify: true }, checks: [{ tcp: 7 }], settle: '200ms', instances: 2 };
  await desk.build(await desk.tiny('web', ['tiny-base'], { ...serve, test: plan }));
  // A group of its own in the hierarchy that systemd keeps its books in, and programs that run in it.
  const init = `trap 'exit 0' TERM INT; while :; do sleep 0.1; done`;
  const units = [`printf 'Id=a.service\\nActiveState=active\\n'`, 'sleep 0.1'];
  const files = [{ path: '/usr/bin/systemctl', content: `#!/bin/sh\n${units.join('\n')}\n`, mode: '0755' }];
  const config = { entrypoint: ['/bin/sh', '-c', init], stopSignal: 'SIGTERM' };
  const withInit = {
    ...plan,
    init: true,
    ready: { unit: 'a.service' },
    checks: [{ exec: ['sleep', '0.3'] }],
  };
  await desk.build(await desk.tiny('system', ['tiny-base'], { files, config, test: withInit }));
  const never = { ...serve, config, test: { ready: { notify: true } } };
  await desk.build(await desk.tiny('never', ['tiny-base'], never));
  const began = Date.now();
  await desk.json(['boot', 'web', ...backend]);
  duration = Date.now() - began;
});
// After a test that has failed there may be more to clear than files.
afterEach(async () => {
  expect(await remains(desk)).toEqual([]);
});
afterAll(async () => {
  await unmountAllBelow(desk.state, { detach: true });
  await desk.remove();
});

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
function* random(from: number): Generator<number, never> {
  for (let state = from; ;) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    yield ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
const numbers = random(seed);
const next = () => numbers.next().value;
const pick = <T>(all: readonly T[]) => all[Math.floor(next() * all.length)]!;

/** Stops it before anything else, so that what it has started by then is known; false where it has ended. */
async function kill(pid: number, seen: Process[]): Promise<boolean> {
  try {
    process.kill(pid, 'SIGSTOP');
    seen.push(...(await descendantsOf(pid)));
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

async function isCleared(seen: Process[]): Promise<void> {
  expect((await desk.run(['ps', '--json'])).stdout).toBe('{\n  "instances": []\n}\n');
  expect(await livingOf(seen)).toEqual([]);
  expect(await remains(desk)).toEqual([]);
}

interface Listed {
  instances: { supervisor: number }[];
}

const commands = [
  ['boot', 'web', ...backend],
  ['boot', 'system', ...backend],
  ['run', ...backend, 'web', '--publish', '7'],
  ['run', ...backend, 'system'],
];

test(`killed at any time: the next command clears up (seed ${seed})`, async () => {
  for (let round = 0; round < rounds; round++) {
    const seen: Process[] = [];
    const child = desk.start(commands[round % commands.length]!);
    await sleep(next() * duration * 1.1);
    await kill(child.pid!, seen);
    await child;
    await isCleared(seen);
  }
});

test(`killed in the background (seed ${seed})`, async () => {
  for (let round = 0; round < rounds / 2; round++) {
    const seen: Process[] = [];
    const image = pick(['web', 'system']);
    const flags = ['--detach', '--instances', '2', '--publish', '7'];
    const { instances } = await desk.json<Listed>(['run', ...backend, image, ...flags]);
    await sleep(next() * 300);
    expect(await kill(instances[0]!.supervisor, seen)).toBe(true);
    expect(seen.length).toBeGreaterThan(3);
    await isCleared(seen);
  }
});

test(`killed again and again while it clears up (seed ${seed})`, async () => {
  for (let round = 0; round < rounds / 4; round++) {
    const seen: Process[] = [];
    const child = desk.start(['run', ...backend, pick(['web', 'system']), '--instances', '3']);
    await once(child.stdout, 'data');
    await kill(child.pid!, seen);
    await child;
    for (let attempt = 0; attempt < 3; attempt++) {
      const clearing = desk.start(['ps']);
      await sleep(200 + next() * 800);
      await kill(clearing.pid!, seen);
      await clearing;
    }
    await isCleared(seen);
  }
});

test('killed between its control group and its container', async () => {
  const owner = 'f00df00df00df00d';
  await mkdir(join(desk.state, 'work', `${owner}.d`, 'files'), { recursive: true });
  await writeFile(join(desk.state, 'work', owner), '');
  await cgroupMount(`${groupPrefix(desk.state)}${owner}`, undefined);
  await isCleared([]);
});

test('two commands clear up at once, and one that needs a new instance with them', async () => {
  const seen: Process[] = [];
  const child = desk.start(['run', ...backend, 'system', '--instances', '3']);
  await once(child.stdout, 'data');
  await kill(child.pid!, seen);
  await child;
  const ended = await Promise.all(
    [['ps'], ['ps'], ['boot', 'web', ...backend]].map((args) => desk.run(args)),
  );
  expect(ended.map(({ code }) => code)).toEqual([0, 0, 0]);
  await isCleared(seen);
});

test(`a signal at any time: it ends with 130 or well, and nothing is left without another command (seed ${seed})`, async () => {
  for (let round = 0; round < rounds; round++) {
    const child = desk.start([...commands[round % commands.length]!, '--json']);
    // Before it listens to signals there is nothing to undo.
    await once(child.stderr, 'data');
    await sleep(next() * duration);
    child.kill(pick(['SIGINT', 'SIGTERM', 'SIGHUP']));
    const { exitCode, signal, stdout, stderr } = await child;
    // Node, on its way out, listens to none any more: then all is said and done.
    if (signal !== undefined) expect(JSON.parse(stdout), stderr).not.toHaveProperty('error');
    else expect([0, 130]).toContain(exitCode);
    if (exitCode === 130) expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'INTERRUPTED' } });
    expect(await remains(desk)).toEqual([]);
  }
});

test('a signal while it waits for an instance in the background, which then ends too', async () => {
  const child = desk.start(['run', ...backend, 'never', '--detach', '--json']);
  while (!(await readdir(join(desk.state, 'work'))).some((name) => name.endsWith('.d'))) await sleep(50);
  await sleep(next() * duration);
  child.kill('SIGINT');
  const { exitCode, stdout } = await child;
  expect(exitCode).toBe(130);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'INTERRUPTED' } });
});
