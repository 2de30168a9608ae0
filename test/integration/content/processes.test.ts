/** The store under several processes, killed writers and a full disk. Needs root for the small file system. */
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run, start } from '../../../src/lib/host/exec.ts';
import { mount, unmount } from '../../../src/lib/host/mounts.ts';
import { ContentStore } from '../../../src/stages/content/store.ts';

const writer = fileURLToPath(new URL('writer.ts', import.meta.url));
const soak = process.env['MILLINER_SOAK'] !== undefined;

let state: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), 'milliner-content-'));
});
afterEach(() => rm(state, { recursive: true }));

test('processes that write the same blobs at once all succeed, and every blob is whole', async () => {
  const count = soak ? 200 : 20;
  const writers = Array.from({ length: 3 }, () =>
    run(process.execPath, [writer, 'write', state, `${count}`]),
  );
  await Promise.all(writers);
  const store = await ContentStore.open(state);
  const blobs = await store.list();
  expect(blobs).toHaveLength(count);
  for (const { digest, size } of blobs) expect(await store.verify(digest)).toBe(size);
  expect(await readdir(join(state, 'ingest'))).toEqual([]);
});

test("a living writer's temporary is let alone, a killed one's is removed", async () => {
  const child = start(process.execPath, [writer, 'hang', state]);
  await once(child.stdout, 'data');
  await ContentStore.open(state);
  expect(await readdir(join(state, 'ingest'))).toHaveLength(1);
  child.kill('SIGKILL');
  await child;
  const store = await ContentStore.open(state);
  expect(await readdir(join(state, 'ingest'))).toEqual([]);
  expect(await store.list()).toEqual([]);
});

test('a full disk is said so, nothing half-written stays, and there is room for what fits', async () => {
  const small = join(state, 'small');
  await mkdir(small);
  await mount({ type: 'tmpfs', source: 'small', readonly: false, options: ['size=2m'] }, small);
  try {
    const store = await ContentStore.open(small);
    const big = Readable.from([Buffer.alloc(900_000), Buffer.alloc(900_000)]);
    await expect(store.ingestStream(big)).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await readdir(join(small, 'ingest'))).toEqual([]);
    await store.ingestStream(Readable.from([Buffer.alloc(900_000)]));
    await expect(store.ingestFile(writer)).resolves.toMatchObject({ size: expect.any(Number) as number });
    await expect(store.ingestFile(process.execPath)).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await readdir(join(small, 'ingest'))).toEqual([]);
  } finally {
    await unmount(small, { detach: true });
  }
});
