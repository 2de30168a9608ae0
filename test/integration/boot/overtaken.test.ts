/** A machine whose kernel belongs to an attacker: what it tries is asserted from the host and from its neighbour. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { removeGroups } from '../../../src/lib/container/cgroups.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { native } from '../../../src/lib/host/native.ts';
import { Guest } from '../../../src/stages/boot/machine/guest.ts';
import { cpioOf, makeInitramfs, programMode } from '../../../src/stages/boot/machine/initramfs.ts';
import { findKernel, type Kernel } from '../../../src/stages/boot/machine/kernel.ts';
import { neededModules, parseDependencies } from '../../../src/stages/boot/machine/kernel-modules.ts';
import { startQemu, type Qemu } from '../../../src/stages/boot/machine/qemu.ts';
import type { Membership } from '../../../src/stages/boot/membership.ts';
import { PrivateNetwork } from '../../../src/stages/boot/private-network.ts';
import { groups } from '../../helpers/remains.ts';
import { compiled } from './programs.ts';

process.env['MILLINER_TCG'] = '1';

const id = `milliner-overtaken-${randomBytes(6).toString('hex')}`;
const limits = { memory: 96 << 20, pids: 64, disk: 32 << 20, cpus: 1 };
const port = 4711;
const host = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)!.address;

let directory: string;
let network: PrivateNetwork;
let neighbour: Membership;
let qemu: Qemu;
let guest: Guest;
let connections = 0;
const arrived: string[] = [];
const closing: (() => unknown)[] = [];

/** Of cards and shares that a machine may have elsewhere: without them an attempt at one would prove little. */
const furtherModules = [
  'vmw_vsock_virtio_transport',
  '9pnet_virtio',
  '9p',
  'virtiofs',
  'virtio_balloon',
  'msr',
];

async function furtherFiles(kernel: Kernel) {
  const list = (await kernel.read('modules.dep'))!.toString('utf8');
  const known = parseDependencies(list);
  const paths = [...new Set(furtherModules.flatMap((name) => known.get(name) ?? []))];
  return Promise.all(
    paths.map(async (path, index) => {
      const name = `modules/9${String(index).padStart(2, '0')}`;
      return { name, mode: programMode, bytes: (await kernel.read(path))! };
    }),
  );
}

async function overtaker(attacker: Membership, hostPort: number): Promise<Buffer> {
  const digits = ({ hardware }: Membership) => hardware.replaceAll(':', '');
  const texts = {
    ADDRESS: attacker.addresses[0]!,
    NEIGHBOUR: neighbour.addresses[0]!,
    BRIDGE: attacker.nameServer,
    MAC: digits(attacker),
    NEIGHBOUR_MAC: digits(neighbour),
    HOST: host,
  };
  const flags = Object.entries(texts).map(([name, text]) => `-D${name}="${text}"`);
  return compiled('overtake', ['-Wno-unused-result', `-DHOST_PORT=${hostPort}`, ...flags]);
}

/** What the neighbour hears, and what it says to a third that is not there: the bridge knows no place for that. */
async function listen(): Promise<void> {
  const { network: path } = await neighbour.makeSpace();
  const own = await open(path, 'r');
  const socket = createSocket('udp4');
  socket.on('message', (text) => arrived.push(text.toString()));
  socket.bind({ fd: await native().bindIn(own.fd, 'udp', neighbour.addresses[0]!, port) });
  await own.close();
  const third = '10.213.74.77';
  await seenBy('ip', 'neighbour', 'add', third, 'lladdr', '02:00:00:00:00:77', 'dev', 'eth0');
  const talking = setInterval(() => socket.send('for another', port, third), 20);
  closing.push(
    () => clearInterval(talking),
    () => socket.close(),
  );
}

async function seenBy(...words: string[]): Promise<string> {
  return (await run('nsenter', [`--net=${neighbour.space.network}`, ...words])).stdout;
}

beforeAll(async () => {
  directory = await mkdtemp('/var/tmp/milliner-overtaken-');
  network = await PrivateNetwork.create(id);
  const attacker = network.join({ name: 'attacker', bandwidth: 50_000_000 });
  neighbour = network.join({ name: 'neighbour' });
  await listen();
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  }).listen(0, '0.0.0.0');
  await once(server, 'listening');
  closing.push(() => server.close());
  await mkdir(join(directory, 'tree'));
  await writeFile(join(directory, 'secret'), 'felt');
  const kernel = await findKernel(join(directory, 'tree'));
  const init = {
    name: 'init',
    mode: programMode,
    bytes: await overtaker(attacker, (server.address() as { port: number }).port),
  };
  const place = join(directory, 'machine');
  await mkdir(place);
  const at = (name: string) => join(place, name);
  await writeFile(at('kernel'), kernel.image);
  const first = await makeInitramfs(await neededModules(kernel, true));
  await writeFile(at('initramfs'), Buffer.concat([first, cpioOf([init, ...(await furtherFiles(kernel))])]));
  await writeFile(at('disk'), '');
  await truncate(at('disk'), 32 << 20);
  const files = { directory: place, kernel: at('kernel'), initramfs: at('initramfs') };
  const disks = [{ file: at('disk'), serial: 'root' }];
  const fd = await attacker.openTap();
  const card = { fd, hardware: attacker.hardware };
  qemu = await startQemu(id, { ...files, disks }, limits, card);
  guest = new Guest(qemu, limits);
});
afterAll(async () => {
  qemu.kill();
  await qemu.ended;
  for (const close of closing) close();
  await network.close();
  await removeGroups(id);
  expect(await groups(id)).toEqual([]);
  await rm(directory, { recursive: true });
});

/** The status of each process in the machine's group. */
async function processes(): Promise<string[]> {
  const [group] = await groups(id);
  const pids = (await readFile(join(group!, 'cgroup.procs'), 'utf8')).trim().split('\n');
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/status`, 'utf8')));
}

async function hostFacts(): Promise<unknown[]> {
  const names = ['kernel/core_pattern', 'kernel/hostname', 'net/ipv4/ip_forward', 'kernel/random/boot_id'];
  const texts = await Promise.all(names.map((name) => readFile(`/proc/sys/${name}`, 'utf8')));
  return [...texts, await readFile(join(directory, 'secret'), 'utf8')];
}

/** Ways that a machine has not got: these do not even open. */
const shut =
  /^(?:vsock_|share_|other_port|other_console|disk_of_|disk_beyond|disk_command|disc$|usb|watchdog|reach_|listen_)/;
/** The cards that it was given, network, disk and port, and the two chips that a machine has to have. */
const devices = ['1af4:1000', '1af4:1001', '1af4:1003', '8086:2918', '8086:29c0'];

test('none of its attempts reaches the host or its neighbour', async () => {
  const before = await hostFacts();
  const ofQemu = async () => (await processes()).find((text) => text.includes('qemu')) ?? '';
  await expect.poll(ofQemu, { timeout: 20_000 }).toMatch(/^Seccomp:\t2$/m);
  const status = await ofQemu();
  expect(status).toMatch(/^CapEff:\t0+$/m);
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  // It ends when the machine says what is no frame.
  await qemu.ended;
  const console = qemu.console();
  expect(console).toContain('over');
  expect([...console.matchAll(/^device (\S+)/gm)].map(([, one]) => one!).toSorted()).toEqual(devices);
  const attempts = [...console.matchAll(/attempt (\w+) (\w+)/g)].map(([, name, came]) => [name!, came!]);
  expect(new Set(attempts.map(([name]) => name)).size).toBeGreaterThan(75);
  expect(attempts.filter(([name, came]) => shut.test(name!) && came === 'ok')).toEqual([]);
  // What it said in its own name shows that it could speak at all.
  expect(attempts).toContainEqual(['own_name', 'ok']);
  expect(arrived).toEqual(['spoofed!']);
  expect(connections).toBe(0);
  expect(await hostFacts()).toEqual(before);
  const known = await seenBy('ip', 'neighbour', 'show', '10.213.74.1');
  expect(known).not.toContain('02:6d:69:6c:6d');
  const bridge = { network: join(dirname(neighbour.space.network), 'bridge') };
  const { stdout: cards } = await run('nsenter', [`--net=${bridge.network}`, 'bridge', 'fdb', 'show']);
  expect(cards).not.toContain('02:00:');
  expect(guest.notifications.status.length).toBeLessThan(1000);
});
