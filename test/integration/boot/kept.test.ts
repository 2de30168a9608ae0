/** Failed instances that stay: found, entered and stopped by other commands, and gone with all that was theirs. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { start } from '../../../src/lib/host/exec.ts';
import type { Verdict } from '../../../src/stages/boot/verdict.ts';
import { cli, Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
  await build('broken', [{ exec: ['/bin/false'], timeout: '1s' }]);
  await build('sound', []);
});
afterEach(async () => {
  expect(await remains(desk)).toEqual([]);
});
afterAll(() => desk.remove());

async function build(name: string, checks: object[]): Promise<void> {
  const program = `trap 'exit 0' TERM; echo felt; echo hat >/mark; while :; do sleep 0.1; done`;
  const config = { entrypoint: ['/bin/sh', '-c', program], stopSignal: 'SIGTERM' };
  await desk.build(
    await desk.tiny(name, ['tiny-base'], { config, test: { init: false, settle: '1s', checks } }),
  );
}

interface Kept extends Verdict {
  kept?: { id: string }[];
}

test('a failed instance that is kept', async () => {
  const failed = await desk.fails(['boot', 'broken', '--keep']);
  expect([failed.code, failed.exit]).toEqual(['BOOT_FAILED', 11]);
  const { kept, causes } = failed.details as unknown as Kept;
  expect(causes).toMatchObject([{ code: 'check-failed' }]);
  const id = kept![0]!.id;
  const { instances } = await desk.json<{ instances: { id: string; image: string }[] }>(['ps']);
  expect(instances).toMatchObject([{ id, image: 'broken' }]);
  expect(await desk.run(['exec', id, '--', 'cat', '/mark'])).toMatchObject({ code: 0, stdout: 'hat\n' });
  expect(await desk.json(['logs', id])).toEqual({ log: 'felt\n' });
  await desk.json(['stop', id]);
  expect(await desk.json(['ps'])).toEqual({ instances: [] });
});

test('what passed is not kept', async () => {
  const verdict = await desk.json<Kept>(['boot', 'sound', '--keep']);
  expect([verdict.passed, verdict.kept]).toEqual([true, undefined]);
});

test('what it writes is shown as it boots', async () => {
  for (const flags of [['--logs'], ['--logs', '--keep']]) {
    const { code, stderr } = await desk.run(['boot', 'sound', ...flags]);
    expect([code, /^1 {2}felt$/m.test(stderr)]).toEqual([0, true]);
  }
});

test.each([
  ['broken', 11],
  ['sound', 0],
])('a shell in %s', async (name, exit) => {
  const child = start(process.execPath, [cli, 'boot', name, '--shell'], {
    cwd: desk.directory,
    env: { MILLINER_STATE: desk.state },
    input: 'echo "seen: $(cat /mark)"\n',
  });
  const { exitCode, stdout } = await child;
  expect([exitCode, stdout.includes('seen: hat')]).toEqual([exit, true]);
});

test('a shell needs a terminal of its own', async () => {
  expect((await desk.fails(['boot', 'sound', '--shell'])).code).toBe('USAGE');
});
