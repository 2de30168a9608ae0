/** What a machine of a stack is handed: files for whom they are for, and a volume that outlives it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPassingVolume, openVolume } from '../../../src/pipeline/state/volumes.ts';
import { StartError } from '../../../src/stages/boot/instance.ts';
import type { HandedVolume } from '../../../src/stages/boot/handed.ts';
import { startGuest } from './guest.ts';

const timeout = 60_000;
const bytes = 16 << 20;
const secret = Buffer.from([0, 1, 2, 0xff, 0x0a, 0]);

let state: string;
beforeAll(async () => {
  state = await mkdtemp('/var/tmp/milliner-machine-volumes-');
});
afterAll(() => rm(state, { recursive: true }));

async function place(name: string): Promise<string> {
  const made = join(state, 'places', name);
  await mkdir(made, { recursive: true });
  return made;
}

const fill = async (content: string) => {
  await writeFile(join(content, 'packaged'), 'felt\n');
};

async function runWith(script: string, volume: HandedVolume): Promise<string[]> {
  const files = [{ path: '/run/secret', content: secret, owner: '7:7', mode: '0440' }];
  const limits = { disk: 32 << 20, io: { read: 64 << 20, write: 64 << 20 }, cpuWeight: 50 };
  const guest = await startGuest({ script, handed: { files, volumes: [volume] }, limits });
  try {
    expect(await guest.instance.ended).toMatchObject({ exitCode: 0 });
    return guest.lines;
  } finally {
    await guest.remove();
  }
}

test('files have their owner, mode and bytes; a volume keeps what was written, within its size', async () => {
  const volume = { stack: 'hats', name: 'data' };
  const open = async (name: string) =>
    openVolume(state, volume, { bytes, place: await place(name), fill, isMachine: true });
  const first = await open('first');
  const writes = [
    "busybox stat -c '%u:%g %a' /run/secret",
    'busybox od -An -tx1 /run/secret',
    '(echo x >/run/secret) 2>/dev/null || echo refused',
    'busybox cat /srv/packaged',
    'echo kept >/srv/log',
    'busybox dd if=/dev/zero of=/srv/large bs=1M count=64 2>/dev/null || echo full',
    'busybox rm /srv/large',
  ].join('\n');
  const at = { name: 'data', path: '/srv', readonly: false };
  expect(await runWith(writes, { ...at, content: first.content })).toEqual([
    '7:7 440',
    ' 00 01 02 ff 0a 00',
    'refused',
    'felt',
    'full',
  ]);
  await first.release();
  const second = await open('second');
  const reads = 'busybox cat /srv/log\n(echo x >/srv/log) 2>/dev/null || echo refused';
  const lines = await runWith(reads, { ...at, readonly: true, content: second.content });
  expect(lines).toEqual(['kept', 'refused']);
  await second.release();
  // The kernel of the host never mounts what a guest has written.
  await expect(
    openVolume(state, volume, { bytes, place: await place('third'), fill, isMachine: false }),
  ).rejects.toMatchObject({ code: 'BACKEND_LACKS' });
});

test('a disk is written by one machine at a time; an owner that the image lacks is its fault', async () => {
  const { content } = await openPassingVolume({
    bytes,
    place: await place('passing'),
    fill,
    isMachine: true,
  });
  const at = { name: 'data', path: '/srv', readonly: false, content };
  const files = [{ path: '/run/secret', content: secret, owner: 'nobody-here', mode: '0400' }];
  await expect(startGuest({ script: 'true', handed: { files, volumes: [] } })).rejects.toThrow(StartError);
  const guest = await startGuest({ script: 'busybox sleep 1000', handed: { files: [], volumes: [at] } });
  try {
    await expect(startGuest({ script: 'true', handed: { files: [], volumes: [at] } })).rejects.toMatchObject({
      code: 'MACHINE_FAILED',
    });
    expect((await guest.instance.exec(['busybox', 'cat', '/srv/packaged'], { timeout })).stdout).toBe(
      'felt\n',
    );
  } finally {
    await guest.remove();
  }
});
