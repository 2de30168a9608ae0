/** Instances that do not come up, and requests that cannot be: each by its code, and nothing is left. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { printable } from '../../../src/lib/host/printable.ts';
import { Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';
import { shareOfDay } from '../../helpers/soak.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
});
afterAll(() => desk.remove());

describe('an image that does not get ready', () => {
  const never = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
  const images: [string, string, object][] = [
    ['never', never, { ready: { notify: true, timeout: '1s' } }],
    ['too-early', 'exit 3', { ready: { notify: true, timeout: '20s' } }],
    ['otherwise', 'exit 3', { ready: { exit: 0 } }],
    ['job', "echo hat; printf '\\033[2Jhat\\n'; exit 3", { ready: { exit: 3 } }],
  ];
  beforeAll(async () => {
    for (const [name, script, plan] of images) {
      const fields = { config: { entrypoint: ['/bin/sh', '-c', script] }, test: plan };
      await desk.build(await desk.tiny(name, ['tiny-base'], fields));
    }
  });

  test('has failed, and all that was started with it is gone', async () => {
    const commands = images.slice(0, 3).flatMap(([name]) => [
      ['run', name, '--instances', '2'],
      ['run', name, '--detach'],
    ]);
    const failed = await Promise.all(commands.map((args) => desk.fails(args)));
    expect(failed.map(({ code, exit }) => [code, exit])).toEqual(commands.map(() => ['INSTANCE_FAILED', 11]));
    expect(await remains(desk)).toEqual([]);
  });

  test('is another matter where its end is what it is for; nothing that it says is obeyed by a terminal', async () => {
    const { code, stdout, stderr } = await desk.run(['run', 'job'], { env: { LC_ALL: 'C.UTF-8' } });
    expect({ code, said: / {2}hat$/m.test(stderr) }).toEqual({ code: 0, said: true });
    expect(stderr).toContain('\uFFFD[2Jhat');
    expect({ stdout, stderr }).toEqual({ stdout: printable(stdout), stderr: printable(stderr) });
    expect(await remains(desk)).toEqual([]);
  });
});

test('wrong usage', async () => {
  const ports = shareOfDay(['http', '65536:7', '1:2:3:4'], 3).map((text) => ['web', '--publish', text]);
  const shared = ['web', '--instances', '2', '--publish', '8080:7'];
  const commands = [...ports, shared];
  const failed = await Promise.all(commands.map((args) => desk.fails(['run', ...args])));
  expect(failed.map(({ code, exit }) => [code, exit])).toEqual(commands.map(() => ['USAGE', 2]));
});

test('there is no such image', async () => {
  for (const flags of [[], ['--detach']]) {
    const failed = await desk.fails(['run', 'cap', ...flags]);
    expect(failed).toMatchObject({ code: 'IMAGE_NOT_FOUND', exit: 3 });
  }
  expect(await remains(desk)).toEqual([]);
});
