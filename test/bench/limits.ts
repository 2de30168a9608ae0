/** What an instance gets that takes all it can, beside what its limits give it. */
import { createSocket } from 'node:dgram';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { backendNames } from '../../src/lib/container/backend-names.ts';
import { readGroup } from '../../src/lib/container/cgroups.ts';
import { runDirectoryOf } from '../../src/lib/container/run-directory.ts';
import { run } from '../../src/lib/host/exec.ts';
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
    // As an init it sees its own control group, which is in the kernel of the machine.
    await desk.build(
      await desk.tiny(`${name}-machine`, ['tiny-base'], { ...program, test: { ...test, init: true } }),
    );
  }
  const wanted: readonly string[] = ['runc', 'machine'];
  const backends = backendNames.filter((name) => wanted.includes(name));
  return { cases: backends.flatMap((backend) => casesOf(desk, backend)), close: () => desk.remove() };
}

function casesOf(desk: Desk, backend: string): Case[] {
  const isMachine = backend === 'machine';
  const imageFor = (unit: string) =>
    `${unit === 'bytes/s' ? 'transfer' : 'bounded'}${isMachine ? '-machine' : ''}`;
  const transfer = isMachine ? transferInMachine : transferOf;
  const one = (name: string, unit: string, peer: number, atMost: number, measure: Measure): Case => ({
    bench: 'limits',
    case: `${backend}: ${name}`,
    unit,
    target: { atMost },
    runs: 3,
    seconds: { ours: 12, peer: 0 },
    ours: () => started(desk, { image: imageFor(unit), backend }, measure),
    peer: () => Promise.resolve(peer),
  });
  return [
    one('one core', 'cores', limit.cpus, 1.05, cores),
    one('memory', 'bytes', limit.memory, 1.01, isMachine ? memoryInMachine : memory),
    one('processes', 'processes', limit.pids, 1, isMachine ? processesInMachine : processes),
    one('disk', 'bytes', limit.disk, 1.1, disk),
    one('TCP out', 'bit/s', limit.bandwidth, 1.1, tcpOut),
    one('TCP in', 'bit/s', limit.bandwidth, 1.1, tcpIn),
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

/** Of its own control group, by its own kernel. */
const counter = async (instance: Hogged, file: string) =>
  (await instance.exec('cat', `/sys/fs/cgroup/${file}`)).stdout;

async function memoryInMachine(instance: Hogged): Promise<number> {
  const { exitCode } = await startHog(instance, 'memory', String(4 * limit.memory)).child;
  const events = await counter(instance, 'memory.events');
  if (exitCode !== 137 || !/^oom_kill [1-9]/m.test(events)) throw new Error(`the hog ended with ${exitCode}`);
  return Number(await counter(instance, 'memory.peak'));
}

/** Without the program that counts: it is no fork of the instance's. */
async function processesInMachine(instance: Hogged): Promise<number> {
  startHog(instance, 'forks');
  await sleep(5000);
  return Number(await counter(instance, 'pids.current')) - 1;
}

async function transferInMachine(instance: Hogged, what: 'read' | 'write'): Promise<number> {
  const hog = startHog(instance, what, '/large', String(limit.disk / 4));
  await hog.begun;
  const word = what === 'read' ? 'rbytes' : 'wbytes';
  return rateOf(async () =>
    Number(new RegExp(`${word}=(\\d+)`).exec(await counter(instance, 'io.stat'))?.[1]),
  );
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

/** Bits at the bridge's end of its link, which is no program's of the instance to count. */
const counted =
  ({ container }: Hogged, direction: 'rx' | 'tx') =>
  async () => {
    const space = join(runDirectoryOf(`${container}.net`), 'bridge');
    const words = `--net=${space} ip -s -j link show member2`.split(' ');
    const [link] = JSON.parse((await run('nsenter', words)).stdout) as [
      { stats64: Record<'rx' | 'tx', { bytes: number }> },
    ];
    return 8 * link.stats64[direction].bytes;
  };

/** To the other end of its link, where nobody listens. */
async function udpOut(instance: Hogged): Promise<number> {
  const { stdout } = await instance.exec('cat', '/etc/resolv.conf');
  startHog(instance, 'udp', stdout.split(/\s+/)[1]!, '9');
  return rateOf(counted(instance, 'rx'));
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
    return await rateOf(counted(instance, 'tx'));
  } finally {
    isOver = true;
    socket.close();
  }
}

async function transferOf(instance: Hogged, what: 'read' | 'write'): Promise<number> {
  const hog = startHog(instance, what, '/large', String(limit.disk / 4));
  await hog.begun;
  return rateOf(() => blockBytes(instance.container, what));
}
