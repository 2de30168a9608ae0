/** What an instance gets that takes all it can, beside what its limits give it. */
import { createSocket } from 'node:dgram';
import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { backendNames } from '../../src/lib/container/backend-names.ts';
import { readGroup } from '../../src/lib/container/cgroups.ts';
import { connected } from '../integration/boot/connection.ts';
import { entrypointOf } from '../integration/boot/programs.ts';
import { Desk } from '../helpers/milliner.ts';
import type { Bench, Case } from './case.ts';
import { blockBytes, processesIn, processorSeconds } from './group-use.ts';
import { startHog, started, type Hogged } from './hogs.ts';

const mebibyte = 1024 ** 2;
const limit = {
  cpus: 1,
  memory: 128 * mebibyte,
  pids: 64,
  disk: 64 * mebibyte,
  bandwidth: 10_000_000,
  io: 8 * mebibyte,
};
/** Seconds of a measurement. */
const window = 5;
const recipe = {
  cpus: limit.cpus,
  memory: '128M',
  pids: limit.pids,
  disk: '64M',
  bandwidth: '10mbit',
};
const withTransfer = { ...recipe, io: { read: '8M', write: '8M' } };

export async function limitCases(): Promise<Bench> {
  const desk = await Desk.open('/var/tmp');
  const program = await entrypointOf('hog');
  for (const [name, limits] of Object.entries({ bounded: recipe, transfer: withTransfer })) {
    const test = { ready: { notify: true }, limits };
    await desk.build(await desk.tiny(name, ['tiny-base'], { ...program, test }));
  }
  const wanted: readonly string[] = ['runc', 'machine'];
  const backends = backendNames.filter((name) => wanted.includes(name));
  return { cases: backends.flatMap((backend) => casesOf(desk, backend)), close: () => desk.remove() };
}

function casesOf(desk: Desk, backend: string): Case[] {
  const one = (name: string, unit: string, peer: number, atMost: number, measure: Measure): Case => ({
    bench: 'limits',
    case: `${backend}: ${name}`,
    unit,
    target: { atMost },
    runs: 3,
    seconds: { ours: 12, peer: 0 },
    ours: () => started(desk, { image: unit === 'bytes/s' ? 'transfer' : 'bounded', backend }, measure),
    peer: () => Promise.resolve(peer),
  });
  const all = [
    one('one core', 'cores', limit.cpus, 1.05, cores),
    one('memory', 'bytes', limit.memory, 1.01, memory),
    one('processes', 'processes', limit.pids, 1, processes),
    one('disk', 'bytes', limit.disk, 1.1, disk),
    one('TCP out', 'bit/s', limit.bandwidth, 1.1, tcpOut),
    one('TCP in', 'bit/s', limit.bandwidth, 1.1, tcpIn),
  ];
  // A machine has no link of its own, and its disk is a file of QEMU's.
  if (backend === 'machine') return all;
  return [
    ...all,
    one('UDP out', 'bit/s', limit.bandwidth, 1.1, udpOut),
    one('UDP in', 'bit/s', limit.bandwidth, 1.1, udpIn),
    one('writing to disk', 'bytes/s', limit.io, 1.1, (instance) => transfer(instance, 'write')),
    one('reading from disk', 'bytes/s', limit.io, 1.1, (instance) => transfer(instance, 'read')),
  ];
}

type Measure = (instance: Hogged) => Promise<number>;

/** Growth of a count in a second. */
async function rateOf(count: () => Promise<number>): Promise<number> {
  const [before, began] = [await count(), performance.now()];
  await sleep(window * 1000);
  return ((await count()) - before) / ((performance.now() - began) / 1000);
}

async function cores(instance: Hogged): Promise<number> {
  startHog(instance, 'cpu', '4');
  await sleep(500);
  return rateOf(() => processorSeconds(instance.container));
}

/** Bytes at the peak, after the kernel has killed the hog and nothing else. */
async function memory(instance: Hogged): Promise<number> {
  const { exitCode } = await startHog(instance, 'memory', String(4 * limit.memory)).child;
  const { oomKills = 0, memoryPeak = 0 } = await readGroup(`${instance.container}/instance`);
  if (exitCode !== 137 || oomKills === 0)
    throw new Error(`the hog ended with ${exitCode}, ${oomKills} kills`);
  if ((await instance.exec('true')).exitCode !== 0) throw new Error('its neighbour in the instance is gone');
  return memoryPeak;
}

async function processes(instance: Hogged): Promise<number> {
  startHog(instance, 'forks');
  await sleep(2000);
  return processesIn(instance.container);
}

/** Bytes by which the disk of the host has less room at the end. */
async function disk({ desk, ...instance }: Hogged): Promise<number> {
  const used = async () => {
    const { blocks, bfree, bsize } = await statfs(desk.state);
    return (blocks - bfree) * bsize;
  };
  const before = await used();
  const hog = startHog({ desk, ...instance }, 'disk', '/fill');
  let most = 0;
  const over = hog.child.then(() => true);
  do most = Math.max(most, (await used()) - before);
  while (!(await Promise.race([over, sleep(50, false)])));
  return most;
}

async function tcpOut({ ports }: Hogged): Promise<number> {
  const socket = await connected(ports.get(81)!);
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
  await sleep(500);
  const rate = await rateOf(() => Promise.resolve(bytes * 8));
  socket.destroy();
  return rate;
}

/** Until the other side has read all of it. */
async function tcpIn({ ports }: Hogged): Promise<number> {
  const socket = await connected(ports.get(82)!);
  const bytes = Math.round((limit.bandwidth / 8) * window);
  const began = performance.now();
  const closed = new Promise((done) => socket.once('close', done));
  socket.resume().end(Buffer.alloc(bytes));
  await closed;
  return (bytes * 8) / ((performance.now() - began) / 1000);
}

const counted = (instance: Hogged, name: 'rx_bytes' | 'tx_bytes') => async () =>
  8 * Number((await instance.exec('cat', `/sys/class/net/eth0/statistics/${name}`)).stdout);

/** To the other end of its link, where nobody listens. */
async function udpOut(instance: Hogged): Promise<number> {
  const { stdout } = await instance.exec('cat', '/etc/resolv.conf');
  startHog(instance, 'udp', stdout.split(/\s+/)[1]!, '9');
  return rateOf(counted(instance, 'tx_bytes'));
}

async function udpIn(instance: Hogged): Promise<number> {
  const socket = createSocket('udp4');
  const datagram = Buffer.alloc(1400);
  let isOver = false;
  const send = () => {
    if (!isOver) socket.send(datagram, instance.ports.get(83), '127.0.0.1', () => setImmediate(send));
  };
  for (let flow = 0; flow < 8; flow++) send();
  try {
    return await rateOf(counted(instance, 'rx_bytes'));
  } finally {
    isOver = true;
    socket.close();
  }
}

async function transfer(instance: Hogged, what: 'read' | 'write'): Promise<number> {
  const hog = startHog(instance, what, '/large', String(limit.disk / 4));
  await hog.begun;
  return rateOf(() => blockBytes(instance.container, what));
}
