/** Stacks through the command line: booted for a verdict, run for use, with secrets, values and volumes. */
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import type { RunningInstance } from '../../../src/pipeline/instance/instance-records.ts';
import type { ListedVolume } from '../../../src/pipeline/state/volumes.ts';
import type { StackVerdict } from '../../../src/stages/boot/stack-verdict.ts';
import { Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';
import { backendOfDay } from '../../helpers/soak.ts';
import { buildTinyStack, given, tinyStack, writeStack } from '../../helpers/tiny-stack.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
  await buildTinyStack(desk);
  await writeStack(desk, 'hats', tinyStack);
});
afterEach(async () => {
  await desk.run(['stop', '--all']);
  expect(await remains(desk)).toEqual([]);
});
afterAll(() => desk.remove());

describe('a boot', () => {
  test('gives one verdict over all services and what is between them', async () => {
    const verdict = await desk.json<StackVerdict>(['boot', 'hats.stack']);
    expect(verdict).toMatchObject({ name: 'hats', passed: true, causes: [] });
    expect(Object.keys(verdict.services)).toEqual(['migrate', 'store', 'shop']);
    expect(Object.values(verdict.services).map(({ instances }) => instances.length)).toEqual([1, 1, 2]);
    const made = verdict.checks.map(
      ({ check, instance, passed }) => `${check.split(' ')[1]} ${instance} ${passed}`,
    );
    const wanted = ['tcp', 'http', 'exec'].flatMap((kind) => [`${kind} 1 true`, `${kind} 2 true`]);
    expect(made).toEqual(wanted);
    expect(verdict.services['store']!.plan).toMatchObject({ limits: { memory: '64M', pids: 2048 } });
    // Nothing of a test stays.
    expect(await desk.json(['volume', 'list'])).toEqual({ volumes: [] });
    const again = await desk.json<StackVerdict>(['boot', join('recipes', 'stacks', 'hats.stack.yaml')]);
    expect(again.stackDigest).toBe(verdict.stackDigest);
    const stored = await readFile(
      join(desk.state, 'stacks', `hats@${verdict.host.architecture}.json`),
      'utf8',
    );
    expect(JSON.parse(stored)).toMatchObject({ verdict: again });
    expect(stored).not.toContain(given);
    const inNspawn = await desk.json<StackVerdict>(['boot', 'hats.stack', '--backend', 'nspawn']);
    expect(found(inNspawn)).toEqual(found(verdict));
    expect(inNspawn.host.runtime).toMatch(/^nspawn \d/);
  });
});

/** What of a verdict depends neither on what isolates nor on how fast it was. */
const found = ({ name, stackDigest, passed, causes, checks, services }: StackVerdict) => ({
  name,
  stackDigest,
  passed,
  causes,
  checks: checks.map(({ check, instance, passed: good }) => ({ check, instance, good })),
  services: Object.values(services).map((one) => ({
    digest: one.manifestDigest,
    passed: one.passed,
    causes: one.causes,
    exitCodes: one.instances.map(({ exitCode }) => exitCode),
    ready: one.instances.map(({ readySeconds }) => readySeconds !== undefined),
  })),
});

describe('a stack in use', () => {
  const start = async (...flags: string[]) => {
    const { instances } = await desk.json<{ instances: RunningInstance[] }>([
      'run',
      'hats.stack',
      '--detach',
      '--backend',
      backendOfDay,
      ...flags,
    ]);
    return (service: string) => instances.find(({ stack }) => stack?.service === service)!;
  };
  const shell = async (id: string, script: string) =>
    (await desk.run(['exec', id, '--', 'sh', '-c', script])).stdout;

  test('is found by its services, has its files, and keeps its volume', async () => {
    const instance = await start();
    const { instances } = await desk.json<{ instances: RunningInstance[] }>(['ps']);
    const living = instances.map(({ stack }) => `${stack!.name} ${stack!.service}`);
    expect(living.toSorted()).toEqual(['hats shop', 'hats shop', 'hats store']);
    const shop = instance('shop').id;
    const store = instance('store').id;
    expect(await shell(shop, 'busybox wget -q -O - http://store/greeting')).toBe('Hello from a value\n');
    expect(await shell(shop, 'busybox wget -q -O - http://store/owner')).toBe('4711:4712 440\n');
    expect(await shell(shop, 'cat /etc/word')).toBe(given);
    expect(await shell(shop, '(echo x >/etc/word) 2>/dev/null || echo refused')).toBe('refused\n');
    const password = await shell(shop, 'cat /etc/password');
    expect(password).toMatch(/^[\w-]{40}$/);
    const { stdout: processes } = await run('ps', ['-eo', 'args']);
    expect(processes).not.toContain(password);
    expect(await shell(store, 'cat /srv/log /srv/packaged')).toBe('migrated\nfelt\n');
    expect(await desk.fails(['volume', 'remove', 'hats.data'])).toMatchObject({ code: 'BUSY' });
    expect(await desk.fails(['run', 'hats.stack'])).toMatchObject({ code: 'BUSY' });
    const { stopped } = await desk.json<{ stopped: string[] }>(['stop', 'hats.stack']);
    expect(stopped.toSorted()).toEqual(instances.map(({ id }) => id).toSorted());
    expect(await remains(desk)).toEqual([]);

    const { volumes } = await desk.json<{ volumes: ListedVolume[] }>(['volume', 'list']);
    expect(volumes).toMatchObject([{ stack: 'hats', name: 'data', bytes: 32 * 1024 ** 2 }]);
    const second = await start();
    expect(await shell(second('store').id, 'cat /srv/log')).toBe('migrated\nmigrated\n');
    expect(await shell(second('shop').id, 'cat /etc/password')).toBe(password);
    await desk.json(['stop', 'hats.stack']);
    expect(await desk.json(['volume', 'remove', 'hats.data'])).toEqual({ removed: ['hats.data'] });
    expect(await desk.fails(['volume', 'remove', 'hats.data'])).toMatchObject({ code: 'VOLUME_NOT_FOUND' });
    const third = await start();
    expect(await shell(third('shop').id, 'cat /etc/password')).not.toBe(password);
    await desk.json(['stop', 'hats.stack']);
    await desk.json(['volume', 'remove', 'hats.data']);
  });

  test('starts with no secret that others can read', async () => {
    const file = join(desk.recipes, 'stacks', 'word.secret');
    await chmod(file, 0o644);
    try {
      expect(await desk.fails(['run', 'hats.stack'])).toMatchObject({ code: 'SECRET_UNUSABLE' });
      expect(await desk.fails(['boot', 'hats.stack'])).toMatchObject({ code: 'SECRET_UNUSABLE' });
    } finally {
      await chmod(file, 0o600);
    }
  });

  test('takes no flags of images', async () => {
    expect(await desk.fails(['run', 'hats.stack', '--instances', '2'])).toMatchObject({ code: 'USAGE' });
    expect(await desk.fails(['boot', 'hats.stack', '--arch', 'x86_64'])).toMatchObject({ code: 'USAGE' });
    expect(await desk.fails(['stop', 'hats.stack'])).toMatchObject({ code: 'INSTANCE_NOT_FOUND' });
  });
});
