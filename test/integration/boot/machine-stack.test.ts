/** A stack whose services are machines: they find each other, have their files, and the checks between them pass. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { StackVerdict } from '../../../src/stages/boot/stack-verdict.ts';
import { Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';
import { buildTinyStack, tinyStack, writeStack } from '../../helpers/tiny-stack.ts';

process.env['MILLINER_TCG'] = '1';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
  await buildTinyStack(desk);
});
afterAll(() => desk.remove());

test('a boot gives one verdict, as with containers', async () => {
  const { migrate, store, shop } = tinyStack.services;
  const small = { limits: { memory: '64M', disk: '32M' } };
  const services = {
    migrate: { ...migrate, ...small },
    store: { ...store, ...small },
    shop: { ...shop, ...small, instances: 1 },
  };
  await writeStack(desk, 'hats', { ...tinyStack, services });
  const verdict = await desk.json<StackVerdict>(['boot', 'hats.stack', '--backend', 'machine']);
  expect(verdict).toMatchObject({ name: 'hats', passed: true, causes: [] });
  expect(verdict.host.runtime).toContain('qemu');
  expect(verdict.checks.map(({ passed }) => passed)).toEqual([true, true, true]);
  const { used = {} } = verdict.services['store']!.instances[0]!;
  const { cpuSeconds = 0, processes = 0, readBytes = 0 } = used;
  expect([cpuSeconds > 0, processes > 0, readBytes > 0]).toEqual([true, true, true]);
  expect(await remains(desk)).toEqual([]);
});

test('two machines cannot write to one volume', async () => {
  const { migrate, store, shop } = tinyStack.services;
  const services = { migrate, store: { ...store, instances: 2 }, shop };
  await writeStack(desk, 'shared', { ...tinyStack, services });
  expect(await desk.fails(['boot', 'shared.stack', '--backend', 'machine'])).toMatchObject({
    code: 'BACKEND_LACKS',
    details: { lacks: [{ key: 'volumes.data' }] },
  });
});
