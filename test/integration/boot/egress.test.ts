/** The way out of a private network: to what the recipe names, and nowhere else. */
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { once } from 'node:events';
import { open, type FileHandle } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { dialIn } from '../../../src/stages/boot/network.ts';
import { PrivateNetwork } from '../../../src/stages/boot/private-network.ts';

/** An address of this host that is not its loopback: the router lets nobody reach that one. */
const address = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

let servers: Server[];
let ports: [number, number];
let network: PrivateNetwork | undefined;
let space: FileHandle | undefined;

beforeEach(async () => {
  servers = [0, 1].map(() => createServer((socket) => socket.end()).listen(0));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  ports = servers.map((server) => (server.address() as AddressInfo).port) as [number, number];
});
afterEach(async () => {
  for (const server of servers) server.close();
  await space?.close();
  await network?.close();
});

/** How a member fares that connects. */
async function connects(to: string, port: number): Promise<string> {
  const found = await dialIn(space!)(to, port, 3000);
  if (typeof found === 'string') return found;
  found.destroy();
  return 'connected';
}

test('a member reaches the address and port that are allowed, and no other', async () => {
  if (address === undefined) throw new Error('this host has no address besides its loopback');
  const id = `milliner-egress-${randomBytes(6).toString('hex')}`;
  network = await PrivateNetwork.create(id, [
    { host: address, port: ports[0] },
    { host: 'localhost', port: 1 },
  ]);
  const member = network.join({ name: 'web' });
  await member.makeSpace();
  space = await open(member.space.network, 'r');
  expect(await connects(address, ports[0])).toBe('connected');
  expect(await connects(address, ports[1])).not.toBe('connected');
  expect(await connects('10.0.2.2', ports[0])).not.toBe('connected');
  const names = [
    ['localhost', '127.0.0.1'],
    ['example.com', 'NXDOMAIN'],
    ['web', member.addresses[0]!],
  ] as const;
  for (const [name, answer] of names) {
    const args = [`--net=${member.space.network}`, 'busybox', 'nslookup', name, member.nameServer];
    const { stdout } = await run('nsenter', args, { allow: [0, 1] });
    expect(stdout).toContain(answer);
  }
});

test('who controls a name leads nobody to the own network of the host', async () => {
  const named = process.env['MILLINER_PRIVATE_NETWORKS'];
  delete process.env['MILLINER_PRIVATE_NETWORKS'];
  try {
    const id = `milliner-egress-${randomBytes(6).toString('hex')}`;
    network = await PrivateNetwork.create(id, [{ host: 'localhost', port: ports[0] }]);
    const member = network.join({ name: 'web' });
    await member.makeSpace();
    const args = [`--net=${member.space.network}`, 'busybox', 'nslookup', 'localhost', member.nameServer];
    const { stdout } = await run('nsenter', args, { allow: [0, 1] });
    expect(stdout).not.toContain('127.0.0.1');
  } finally {
    process.env['MILLINER_PRIVATE_NETWORKS'] = named;
  }
});
