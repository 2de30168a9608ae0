/** Instances on a private network: who finds whom, what the kernel lets through, and what is left. */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { request } from 'undici';
import { runDirectoryOf } from '../../../src/lib/container/run-directory.ts';
import type { Isolator } from '../../../src/lib/container/isolator.ts';
import { nspawnIsolator } from '../../../src/lib/container/nspawn/nspawn.ts';
import { ociIsolator } from '../../../src/lib/container/oci-isolator.ts';
import { mountShifted } from '../../../src/lib/container/shifted.ts';
import { removeSpaces, type Space } from '../../../src/lib/container/space.ts';
import { guestIds, type IdRange } from '../../../src/lib/container/userns.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { native } from '../../../src/lib/host/native.ts';
import { mount, unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { ContainerInstance } from '../../../src/stages/boot/container-instance.ts';
import { publishPorts, type PortMapping } from '../../../src/stages/boot/ports.ts';
import { PrivateNetwork, type JoinOptions } from '../../../src/stages/boot/private-network.ts';
import { exchangeDatagrams } from './connection.ts';

let directory: string;
let id: string;
let network: PrivateNetwork;
const started: ContainerInstance[] = [];
const at = (...names: string[]) => join(directory, ...names);

beforeEach(async () => {
  directory = await mkdtemp('/var/tmp/milliner-network-');
  id = `milliner-network-${randomBytes(6).toString('hex')}`;
  for (const name of ['bin', 'etc', 'dev', 'proc', 'sys', 'run'])
    await mkdir(at('tree', name), { recursive: true });
  const { stdout } = await run('sh', ['-c', 'command -v busybox']);
  await cp(stdout.trim(), at('tree/bin/busybox'));
  await writeFile(at('tree/etc/word'), 'felt\n');
  network = await PrivateNetwork.create(id);
});
afterEach(async () => {
  for (const instance of started.splice(0)) {
    await instance.kill();
    await instance.remove();
  }
  await network.close();
  expect(existsSync(runDirectoryOf(`${id}.net`))).toBe(false);
  await unmountAllBelow(directory, { detach: true });
  await rm(directory, { recursive: true });
});

/** A member that runs a script of busybox. */
async function member(script: string, { isolator, ...options }: JoinOptions & { isolator: Isolator }) {
  const { name, ids } = options;
  const membership = network.join(options);
  const rootfs = at(`root-${name}`);
  await mkdir(rootfs);
  const tree = { type: 'bind', source: at('tree'), readonly: false } as const;
  await (ids ? mountShifted(tree, rootfs, ids) : mount(tree, rootfs));
  const instance = await ContainerInstance.start(
    {
      id: `${id}-${name}`,
      directory: at(`work-${name}`),
      rootfs,
      ids,
      image: {
        env: {},
        exposedPorts: [],
        volumes: [],
        labels: {},
        entrypoint: ['/bin/busybox', 'sh', '-c', `${script}\nexec /bin/busybox sleep 1000`],
      },
      init: false,
      hostname: `${name}-1`,
      limits: { memory: 64 << 20, pids: 64, disk: 1 << 30 },
      membership,
      onLine: () => undefined,
    },
    isolator,
  );
  started.push(instance);
  const shell = async (words: string) => {
    const args = ['/bin/busybox', 'sh', '-c', words];
    const { exitCode, stdout } = await instance.exec(args, { timeout: 20_000 });
    return { exitCode, lines: stdout.trim().split('\n') };
  };
  return { instance, membership, shell };
}

const serves = (address: string, port: number) => `/bin/busybox httpd -p ${address}:${port} -h /etc`;
const asks = (address: string, port: number) =>
  String.raw`printf 'GET /word HTTP/1.0\r\n\r\n' | /bin/busybox nc -w 1 ${address} ${port}`;

async function until(fn: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 100 && !(await fn()); attempt++) await sleep(50);
}

interface Kind {
  isolator: Isolator;
  ids: IdRange | undefined;
}

const kinds: [string, Kind][] = [
  ['in runc', { isolator: ociIsolator('runc'), ids: guestIds }],
  ["in runc with the host's root", { isolator: ociIsolator('runc'), ids: undefined }],
  ['in crun', { isolator: ociIsolator('crun'), ids: guestIds }],
  ['in nspawn', { isolator: nspawnIsolator, ids: guestIds }],
];

test.each(kinds)('members %s find each other by name, and nobody else', async (_, kind) => {
  const web = await member(serves('0.0.0.0', 80), { name: 'web', aliases: ['front'], ...kind });
  const shop = await member('true', { name: 'shop', ...kind });
  await until(async () => (await web.membership.through().tcp(80, 1000)) === undefined);
  const [address] = web.membership.addresses as [string];
  expect((await shop.shell(asks(address, 80))).lines.at(-1)).toBe('felt');
  for (const name of ['web', 'front', 'WEB']) {
    const { lines } = await shop.shell(`/bin/busybox nslookup ${name}`);
    const found = lines.flatMap((line) => /^Address(?: \d+)?: (\S+)/.exec(line)?.[1] ?? []);
    expect(found).toEqual(web.membership.addresses);
  }
  expect((await shop.shell('/bin/busybox nslookup hatter')).lines.join()).toContain('NXDOMAIN');
  expect((await shop.shell('/bin/busybox ip route')).lines).toHaveLength(1);
  expect((await shop.shell('/bin/busybox grep shop /etc/hosts')).lines[0]).toBe(
    `${shop.membership.addresses[0]} shop-1 shop`,
  );
  // Its root may not change what holds it.
  expect((await shop.shell('/bin/busybox ip link set eth0 down')).exitCode).not.toBe(0);
  await web.membership.remove();
  expect((await shop.shell('/bin/busybox nslookup web')).lines.join()).toContain('NXDOMAIN');
  expect((await shop.shell(asks(address, 80))).exitCode).toBe(1);
});

test.each(kinds)(
  'from outside a member %s is reached at its address and at its loopback',
  async (_, kind) => {
    const script = [serves('127.0.0.1', 70), serves('0.0.0.0', 80)].join('\n');
    const { instance, membership } = await member(script, { name: 'web', ...kind });
    const inside = instance.network!;
    await until(
      async () => (await inside.tcp(70, 1000)) === undefined && (await inside.tcp(80, 1000)) === undefined,
    );
    expect(await inside.tcp(70, 1000)).toBeUndefined();
    expect(await membership.through().tcp(80, 1000)).toBeUndefined();
    expect(await membership.through().tcp(70, 1000)).toBe('ECONNREFUSED');
  },
);

/** A service in the namespace of a member: busybox has none for UDP. */
async function echoes({ network: path }: Space, port: number): Promise<Socket> {
  const space = await open(path, 'r');
  const socket = createSocket('udp4');
  socket.on('message', (text, from) => socket.send(text, from.port, from.address));
  socket.bind({ fd: await native().bindIn(space.fd, 'udp', '0.0.0.0', port) });
  await space.close();
  return socket;
}

test.each(kinds)('ports of one %s are published for TCP and UDP, on IPv4 and IPv6', async (_, kind) => {
  const options = { name: 'web', bandwidth: 1_000_000, ...kind };
  const { instance, membership } = await member(serves('0.0.0.0', 80), options);
  await until(async () => (await instance.network!.tcp(80, 1000)) === undefined);
  const echo = await echoes(membership.space, 90);
  const wanted: PortMapping[] = ['127.0.0.1', '::1'].flatMap((address) => [
    { address, hostPort: 0, instancePort: 80 },
    { address, hostPort: 0, instancePort: 90, protocol: 'udp' },
  ]);
  const { ports, close } = await publishPorts(instance.network!, wanted);
  try {
    for (const { address, hostPort, protocol } of ports) {
      if (protocol === 'udp') {
        // Each client has answers of its own.
        const texts = ['felt', 'straw'];
        expect(await Promise.all(texts.map((text) => exchangeDatagrams(address, hostPort, text)))).toEqual(
          texts,
        );
      } else {
        const { body } = await request(`http://${address === '::1' ? '[::1]' : address}:${hostPort}/word`);
        expect(await body.text()).toBe('felt\n');
      }
    }
    const [{ address, hostPort }] = ports as [PortMapping];
    await expect(
      publishPorts(instance.network!, [{ address, hostPort, instancePort: 80 }]),
    ).rejects.toMatchObject({
      code: 'PORT_UNUSABLE',
    });
  } finally {
    close();
    echo.close();
  }
});

async function rates({ network: path }: Space): Promise<number[]> {
  const { stdout } = await run('nsenter', [`--net=${path}`, 'tc', '-j', 'qdisc', 'show']);
  const all = JSON.parse(stdout) as { kind: string; options: { rate?: number } }[];
  return all.flatMap(({ kind, options: { rate } }) =>
    kind === 'tbf' && rate !== undefined ? [rate * 8] : [],
  );
}

test('a bandwidth holds in both directions, in the kernel', async () => {
  const space = await network.join({ name: 'narrow', bandwidth: 10_000_000, ids: guestIds }).makeSpace();
  expect(await rates(space)).toEqual([10_000_000]);
  expect(await rates({ network: join(runDirectoryOf(`${id}.net`), 'bridge') })).toEqual([10_000_000]);
  const wide = await network.join({ name: 'wide' }).makeSpace();
  expect(await rates(wide)).toEqual([]);
});

test('what a killed process has left is removed with its workspace', async () => {
  await network.join({ name: 'web', ids: guestIds }).makeSpace();
  await removeSpaces(id);
  expect(existsSync(runDirectoryOf(`${id}.net`))).toBe(false);
});
