/** Machines through the command line: booted, run, reached from other processes, killed. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { start } from '../../../src/lib/host/exec.ts';
import type { RunningInstance } from '../../../src/pipeline/instance/instance-records.ts';
import { cli, Desk } from '../../helpers/milliner.ts';
import { descendantsOf, livingOf, remains } from '../../helpers/remains.ts';
import { exchange, exchangeDatagrams, random, sha256, sumOf } from './connection.ts';
import { entrypointOf } from './programs.ts';

process.env['MILLINER_TCG'] = '1';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
  const limits = { memory: '64M', disk: '32M' };
  const plan = { backend: 'machine', ready: { notify: true, timeout: '60s' }, limits };
  await desk.build(await desk.tiny('web', ['tiny-base'], { ...(await entrypointOf('serve')), test: plan }));
});
afterAll(() => desk.remove());

const env = () => ({ MILLINER_STATE: desk.state, MILLINER_TCG: '1' });
const runDetached = (...flags: string[]) =>
  desk.json<{ instances: RunningInstance[] }>(['run', 'web', '--detach', ...flags]);

describe('a machine in the background', () => {
  let instance: RunningInstance;
  beforeAll(async () => {
    instance = (await runDetached('--publish', '7', '--publish', '9', '--publish', '8/udp')).instances[0]!;
  });

  test('is listed, and answers at its ports', async () => {
    expect(instance).toMatchObject({ backend: 'machine', image: 'web', init: false });
    const [echo, sum] = instance.ports.map(({ hostPort }) => hostPort);
    const sent = random(1);
    expect(sha256(await exchange(echo!, sent))).toBe(sha256(sent));
    expect((await exchange(sum!, sent)).toString()).toBe(sumOf(sent));
    expect(await exchangeDatagrams('127.0.0.1', instance.ports[2]!.hostPort, 'felt')).toBe('felt');
  });

  test('exec from another process: exit codes, input, output, signals', async () => {
    const exec = (program: string[], input: Buffer | string = '') =>
      start(process.execPath, [cli, 'exec', instance.id, '--', ...program], { env: env(), input });
    const codes = await Promise.all([exec(['true']), exec(['sh', '-c', 'exit 7']), exec(['/no/such'])]);
    expect(codes.map(({ exitCode }) => exitCode)).toEqual([0, 7, 255]);
    const words = [cli, 'exec', instance.id, '--', 'sh', '-c', 'exit 4'];
    const withoutInput = start(process.execPath, words, { env: env() });
    expect((await withoutInput).exitCode).toBe(4);
    const sent = random(1);
    const child = exec(['sh', '-c', 'cat; echo done >&2; exit 3'], sent);
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    expect(await child).toMatchObject({ exitCode: 3, stderr: 'done\n' });
    expect(sha256(Buffer.concat(parts))).toBe(sha256(sent));
    const stopped = exec(['sh', '-c', 'echo begun; exec sleep 1000']);
    await once(stopped.stdout, 'data');
    stopped.kill('SIGTERM');
    expect((await stopped).exitCode).not.toBe(0);
    await expect
      .poll(async () => (await exec(['busybox', 'pidof', 'sleep'])).exitCode, { timeout: 20_000 })
      .toBe(1);
  });

  test('logs are what it wrote; stop ends it, and nothing is left', async () => {
    expect(await desk.run(['logs', instance.id])).toMatchObject({ code: 0, stdout: 'listening\n' });
    await desk.run(['stop', instance.id]);
    expect(await remains(desk)).toEqual([]);
  });
});

test('a supervisor that is killed takes its machine along; the next command clears up', async () => {
  const { instances } = await runDetached();
  const all = await descendantsOf(instances[0]!.supervisor);
  expect(all.length).toBeGreaterThan(1);
  process.kill(instances[0]!.supervisor, 'SIGKILL');
  await expect.poll(() => livingOf(all), { timeout: 20_000 }).toEqual([]);
  await desk.run(['ps']);
  expect(await remains(desk)).toEqual([]);
});
