/** What a machine's link lets through: frames are written where QEMU would write them, and looked for at a neighbour. */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { closeSync, read as readFrame, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { native } from '../../../src/lib/host/native.ts';
import type { Membership } from '../../../src/stages/boot/membership.ts';
import { PrivateNetwork } from '../../../src/stages/boot/private-network.ts';

let network: PrivateNetwork;
let guest: Membership;
let neighbour: Membership;
let tap: number;
let heard: Socket[];
const arrived: string[] = [];
const port = 4711;
const everyone = 'ff:ff:ff:ff:ff:ff';

beforeAll(async () => {
  network = await PrivateNetwork.create(`milliner-guest-link-${randomBytes(6).toString('hex')}`);
  neighbour = network.join({ name: 'web' });
  await neighbour.makeSpace();
  guest = network.join({ name: 'shop' });
  tap = await guest.openTap();
  const space = await open(neighbour.space.network, 'r');
  heard = await Promise.all(
    neighbour.addresses.map(async (address) => {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
      socket.on('message', (text) => arrived.push(text.toString()));
      socket.bind({ fd: await native().bindIn(space.fd, 'udp', address, port) });
      return socket;
    }),
  );
  await space.close();
});
afterAll(async () => {
  closeSync(tap);
  for (const socket of heard) socket.close();
  await network.close();
});

const bytesOf = (text: string, separator: string, base: number) =>
  Buffer.from(text.split(separator).map((part) => Number.parseInt(part, base)));
const hardwareBytes = (text: string) => bytesOf(text, ':', 16);
const v4 = (text: string) => bytesOf(text, '.', 10);
const v6 = (text: string) => {
  const [head = '', tail = ''] = text.split('::');
  const groups = (half: string) =>
    Buffer.concat(half.split(':').map((part) => Buffer.from(part.padStart(4, '0'), 'hex')));
  const bytes = Buffer.alloc(16);
  groups(head).copy(bytes);
  groups(tail).copy(bytes, 16 - groups(tail).length);
  return bytes;
};

function send(from: string, to: string, type: number, payload: Buffer): void {
  const head = Buffer.alloc(14);
  hardwareBytes(to).copy(head, 0);
  hardwareBytes(from).copy(head, 6);
  head.writeUInt16BE(type, 12);
  writeSync(tap, Buffer.concat([head, payload]));
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes[at]! * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function datagram(text: string): Buffer {
  const bytes = Buffer.alloc(8 + text.length);
  bytes.writeUInt16BE(port, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.writeUInt16BE(bytes.length, 4);
  bytes.write(text, 8);
  return bytes;
}

function packet4(from: string, text: string): Buffer {
  const head = Buffer.from('450000000000000040110000', 'hex');
  const body = datagram(text);
  const whole = Buffer.concat([head, v4(from), v4(neighbour.addresses[0]!), body]);
  whole.writeUInt16BE(whole.length, 2);
  whole.writeUInt16BE(checksum(whole.subarray(0, 20)), 10);
  return whole;
}

/** @param next number of the protocol; its checksum is at `at` */
function packet6(from: string, to: string, next: number, body: Buffer, at: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const addresses = Buffer.concat([v6(from), v6(to)]);
  body.writeUInt16BE(checksum(Buffer.concat([addresses, length, Buffer.from([0, 0, 0, next]), body])), at);
  const head = Buffer.from([0x60, 0, 0, 0, body.length >> 8, body.length & 0xff, next, 255]);
  return Buffer.concat([head, addresses, body]);
}

function arp(hardware: string, address: string): Buffer {
  const target = Buffer.concat([Buffer.alloc(6), v4(neighbour.addresses[0]!)]);
  return Buffer.concat([
    Buffer.from('0001080006040001', 'hex'),
    hardwareBytes(hardware),
    v4(address),
    target,
  ]);
}

const spoofed = '02:00:00:00:00:99';

async function until(text: string): Promise<void> {
  for (let attempt = 0; attempt < 100 && !arrived.includes(text); attempt++) await sleep(20);
}

async function seenBy({ space }: Pick<Membership, 'space'>, ...words: string[]): Promise<string> {
  return (await run('nsenter', [`--net=${space.network}`, ...words])).stdout;
}

test('only what bears its own addresses arrives', async () => {
  const [own, own6] = guest.addresses as [string, string];
  const [to, to6] = neighbour.addresses as [string, string];
  const mac = neighbour.hardware;
  const bridge = guest.nameServer;
  send(spoofed, everyone, 0x800, packet4(own, 'a card of another name'));
  send(mac, everyone, 0x800, packet4(own, "the neighbour's card"));
  send(guest.hardware, everyone, 0x800, packet4(to, "the neighbour's address"));
  send(guest.hardware, everyone, 0x800, packet4(bridge, "the name server's address"));
  send(guest.hardware, everyone, 0x800, packet4('8.8.8.8', "a stranger's address"));
  send(guest.hardware, '33:33:00:00:00:01', 0x86dd, packet6(to6, to6, 17, datagram('forged 6'), 6));
  send(guest.hardware, everyone, 0x806, arp(guest.hardware, bridge));
  send(guest.hardware, everyone, 0x806, arp(spoofed, own));
  send(guest.hardware, everyone, 0x88cc, Buffer.alloc(60));
  send(guest.hardware, '01:80:c2:00:00:00', 0x26, Buffer.alloc(60));
  // A router, a redirect, and a neighbour that is another's.
  for (const [type, size] of [
    [134, 16],
    [137, 40],
    [136, 24],
  ] as const) {
    const body = Buffer.alloc(size);
    body[0] = type;
    if (type === 136) v6(to6).copy(body, 8);
    send(guest.hardware, '33:33:00:00:00:01', 0x86dd, packet6(own6, 'ff02::1', 58, body, 2));
  }
  send(guest.hardware, everyone, 0x806, arp(guest.hardware, own));
  send(guest.hardware, everyone, 0x800, packet4(own, 'its own'));
  const [card] = JSON.parse(await seenBy(neighbour, 'ip', '-j', 'link', 'show', 'eth0')) as [
    { address: string },
  ];
  send(guest.hardware, card.address, 0x86dd, packet6(own6, to6, 17, datagram('its own 6'), 6));
  await until('its own 6');
  expect(arrived).toEqual(['its own', 'its own 6']);
  const known = await seenBy(neighbour, 'ip', 'neighbour');
  expect(known).not.toMatch(new RegExp(`^${bridge} .*${guest.hardware}`, 'm'));
  expect(await seenBy(neighbour, 'ip', '-6', 'route', 'show', 'default')).toBe('');
  const space = { network: join(dirname(neighbour.space.network), 'bridge') };
  const cards = await seenBy({ space }, 'bridge', 'fdb', 'show');
  expect([cards.includes(guest.hardware), cards.includes(spoofed)]).toEqual([true, false]);
});

test('a frame for another machine does not arrive at it', async () => {
  const others = ['10.213.74.77', '02:00:00:00:00:77'];
  await seenBy(neighbour, 'ip', 'neighbour', 'add', others[0]!, 'lladdr', others[1]!, 'dev', 'eth0');
  heard[0]!.send('for another', port, others[0]);
  heard[0]!.send('for it', port, guest.addresses[0]);
  const frames: string[] = [];
  const read = promisify(readFrame);
  for (let attempt = 0; attempt < 100 && !frames.some((one) => one.includes('for it')); attempt++) {
    // What asks for its address is answered by nobody here.
    send(guest.hardware, everyone, 0x806, arp(guest.hardware, guest.addresses[0]!));
    const got = await read(tap, Buffer.alloc(2048), 0, 2048, null).catch(() => undefined);
    if (got) frames.push(got.buffer.toString('latin1'));
    else await sleep(20);
  }
  expect(frames.some((one) => one.includes('for it'))).toBe(true);
  expect(frames.some((one) => one.includes('for another'))).toBe(false);
});
