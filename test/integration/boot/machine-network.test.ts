/** Two machines on one private network, one of them with a bandwidth: they find each other, and hear nobody else. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runDirectoryOf } from '../../../src/lib/container/run-directory.ts';
import { PrivateNetwork } from '../../../src/stages/boot/private-network.ts';
import type { Membership } from '../../../src/stages/boot/membership.ts';
import { startGuest, type BusyboxGuest } from './guest.ts';

const timeout = 60_000;
const id = `milliner-machine-net-${randomBytes(6).toString('hex')}`;
const bandwidth = 4_000_000;
const megabyte = 1_000_000;

let network: PrivateNetwork;
let web: BusyboxGuest;
let shop: BusyboxGuest;
let members: Membership[];
beforeAll(async () => {
  network = await PrivateNetwork.create(id, [{ host: '192.0.2.1', port: 80 }]);
  members = [network.join({ name: 'web', aliases: ['front'], bandwidth }), network.join({ name: 'shop' })];
  const [of, beside] = members as [Membership, Membership];
  const script = [
    `busybox dd if=/dev/zero of=/large bs=${megabyte} count=1`,
    'busybox httpd -p 80 -h /',
    'busybox sleep 1000',
  ].join('\n');
  [web, shop] = await Promise.all([
    startGuest({ script, name: 'web', membership: of }),
    startGuest({ script, name: 'shop', membership: beside }),
  ]);
});
afterAll(async () => {
  await Promise.all([web.remove(), shop.remove()]);
  await network.close();
  expect(existsSync(runDirectoryOf(`${id}.net`))).toBe(false);
});

const shell = (guest: BusyboxGuest, line: string) =>
  guest.instance.exec(['busybox', 'sh', '-c', line], { timeout });

test('each has the addresses that its network knows it by', async () => {
  for (const [index, guest] of [web, shop].entries()) {
    const { stdout } = await shell(
      guest,
      'busybox ip address show eth0; busybox ip route; busybox cat /etc/hosts',
    );
    const { addresses, hardware, gateway, name } = members[index]!;
    const found = [...stdout.matchAll(/inet6? (\S+)\/\d+/g)].map(([, address]) => address);
    expect(found).toEqual(addresses);
    expect(stdout).toContain(`link/ether ${hardware}`);
    expect(stdout).toContain(`default via ${gateway}`);
    expect(stdout).toContain(`${addresses[0]} ${name}`);
  }
});

test('one finds the other by its names, and nobody else', async () => {
  for (const name of ['web', 'front']) {
    const { stdout } = await shell(shop, `busybox nslookup ${name}`);
    for (const address of members[0]!.addresses) expect(stdout).toContain(address);
  }
  expect((await shell(shop, 'busybox nslookup hatter')).stdout).toContain('NXDOMAIN');
  expect((await shell(shop, 'busybox wget -q -O - http://web/etc/hostname')).stdout).toBe('web\n');
  const [, v6] = members[0]!.addresses;
  if (v6 !== undefined)
    expect((await shell(shop, `busybox wget -q -O - http://[${v6}]/etc/hostname`)).stdout).toBe('web\n');
  expect(await members[0]!.through().http('http://web/etc/hostname', 200, timeout)).toBeUndefined();
  expect(await members[0]!.through().tcp(81, timeout)).toBe('ECONNREFUSED');
});

test('the kernel of the host holds it to its bandwidth in both directions', async () => {
  const atLeast = ((8 * megabyte) / bandwidth) * 0.9;
  for (const [taker, giver] of [[shop, 'web'] as const, [web, 'shop'] as const]) {
    const began = performance.now();
    const { stdout } = await shell(taker, `busybox wget -q -O - http://${giver}/large | busybox wc -c`);
    expect(stdout.trim()).toBe(String(megabyte));
    expect((performance.now() - began) / 1000).toBeGreaterThan(atLeast);
  }
});
