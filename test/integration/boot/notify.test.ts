import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { monotonic } from '../../../src/stages/boot/clock.ts';
import { Notifications, notifySocket } from '../../../src/stages/boot/notify.ts';

let directory: string;
let notifications: Notifications;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-notify-'));
  notifications = await Notifications.open(directory);
});
afterEach(async () => {
  await notifications.close();
  await rm(directory, { recursive: true });
});

/** Node has no datagrams on unix sockets. The expression gives the messages. */
async function send(expression: string): Promise<void> {
  const script = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for message in ${expression}: s.sendto(message, sys.argv[1])`;
  await run('python3', ['-c', script, join(directory, notifySocket)]);
}

async function untilStatus(status: string): Promise<void> {
  while (notifications.status !== status) await sleep(5);
}

test('every user may write to it', async () => {
  expect((await stat(join(directory, notifySocket))).mode & 0o777).toBe(0o666);
});

test('the first READY=1 counts', async () => {
  const before = monotonic();
  await send(`[b'STATUS=brim\\nREADY=1\\n']`);
  await untilStatus('brim');
  const { readyAt } = notifications;
  expect(readyAt).toBeGreaterThanOrEqual(before);
  await send(`[b'READY=1', b'STATUS=crown']`);
  await untilStatus('crown');
  expect(notifications.readyAt).toBe(readyAt);
});

test('what only looks like it does not count', async () => {
  const others = `b'READY=0', b'READY=11', b' READY=1', b'READY=1 ', b'XREADY=1', b'READY', b''`;
  await send(`[${others}, b'STATUS=READY=1']`);
  await untilStatus('READY=1');
  expect(notifications.readyAt).toBeUndefined();
});

test('megabytes of it are read, and are nothing', async () => {
  const junk = `[bytes((i * j) % 256 for j in range(4000)) for i in range(40)] * 25`;
  await send(`${junk} + [b'STATUS=' + b'x' * 3000, b'A' * 100000 + b'\\nREADY=1', b'STATUS=over']`);
  await untilStatus('over');
  expect(notifications.readyAt).toBeUndefined();
});

test('a status is cut, and may be any bytes', async () => {
  await send(`[b'STATUS=' + b'y' * 3000]`);
  while (notifications.status === '') await sleep(5);
  expect(notifications.status.length).toBeLessThanOrEqual(200);
  await send(`[b'STATUS=\\xff\\xfe\\x00', b'STATUS=over']`);
  await untilStatus('over');
});

test('a descriptor that comes along is let go: who waits for that is answered (sd_notify_barrier(3))', async () => {
  const script = `
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(sys.argv[1])
r, w = os.pipe()
s.sendmsg([b'BARRIER=1'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [w]))])
os.close(w)
os.read(r, 1)`;
  await run('python3', ['-c', script, join(directory, notifySocket)]);
});
