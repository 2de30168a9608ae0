/**
 * Whoever tries to fill the disk ends by a code of its own, and the file system of the state is never filled past its
 * reserve: it has one of its own here, and what is left on it is looked at all the time.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createZstdCompress } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeDisk } from '../../../src/lib/host/disk-image.ts';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import type { ByteString } from '../../../src/lib/host/paths.ts';
import { spareBytes } from '../../../src/lib/host/reserve.ts';
import { makeImage } from '../../../src/stages/image/image.ts';
import { mediaTypes } from '../../../src/stages/layer/compress/compress.ts';
import { endOfArchive, tarHeader } from '../../helpers/layer-writer/tar-writer.ts';
import { openContext } from '../../../src/pipeline/state/context.ts';
import { shareBytes } from '../../../src/pipeline/state/blob-exchange.ts';
import { importImages } from '../../../src/pipeline/transfer/image-transfer.ts';
import { recordVersion } from '../../../src/pipeline/state/image-records.ts';
import { testSchema } from '../../../src/stages/recipe/schema.ts';
import type { Verdict } from '../../../src/stages/boot/verdict.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { leftovers } from '../../helpers/traces.ts';
import { shareOfDay } from '../../helpers/soak.ts';

useOneProcess();

const MiB = 1024 * 1024;

let desk: Desk;
let least: number;
let over: AbortController;
let watching: Promise<void>;
beforeEach(async () => {
  desk = await Desk.open();
  await mkdir(desk.state);
  await makeDisk({ file: desk.path('state.ext4'), place: desk.state }, { bytes: 768 * MiB });
  least = Infinity;
  over = new AbortController();
  watching = watch(over.signal);
});
afterEach(async () => {
  over.abort();
  await watching;
  const left = await leftovers(desk.directory);
  await unmountAllBelow(desk.state, { detach: false });
  await desk.remove();
  // The state's own file system is no mount that stayed.
  expect(left.filter((line) => !line.includes(` ${desk.state} `))).toEqual([]);
});

async function watch(end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    least = Math.min(least, await spareBytes(desk.state));
    await sleep(10);
  }
}

/** What any build or boot of these needs itself. */
const isNeverFull = () => expect(least).toBeGreaterThan(128 * MiB);

describe('an installation', () => {
  test.each(
    shareOfDay(
      [
        ['fills-the-disk', '%post'],
        ['fills-by-descriptor', '%post'],
        ['fills-with-files', '%post'],
        ['fills-at-the-end', '%posttrans'],
      ],
      2,
    ),
  )('%s: ends by the limit, and by the scriptlet that ran', async (name, scriptlet) => {
    const install = { disk: '48M' };
    const error = await desk.fails(['build', await desk.tiny('full', ['tiny-base', name], { install })]);
    const details = { package: `${name}-1-1.x86_64`, scriptlet, mostBytes: 48 * MiB };
    expect(error).toMatchObject({ code: 'INSTALL_DISK_FULL', exit: 7, details });
    isNeverFull();
  });

  test.each(['fills-in-lua', 'large-payload'])('%s: ends by the limit too', async (name) => {
    const install = { disk: '48M' };
    const error = await desk.fails(['build', await desk.tiny('full', ['tiny-base', name], { install })]);
    const details = { mostBytes: 48 * MiB };
    expect(error).toMatchObject({ code: 'INSTALL_DISK_FULL', exit: 7, details });
    expect(error.message).toContain(name === 'large-payload' ? name : 'no scriptlet');
    isNeverFull();
  });

  test('where the host has less than the recipe allows, it is the host that is full', async () => {
    const error = await desk.fails(['build', await desk.tiny('full', ['tiny-base', 'fills-the-disk'])]);
    expect(error).toMatchObject({ code: 'DISK_FULL', exit: 9 });
    expect(least).toBeGreaterThan(0);
  });

  test('what is no part of the image is bounded as well', async () => {
    const install = { disk: '48M' };
    await desk.build(await desk.tiny('places', ['tiny-base', 'fills-other-places'], { install }));
    isNeverFull();
  });
});

describe('an instance', () => {
  const shell = (text: string) => ({ config: { cmd: ['/bin/sh', '-c', text], stopSignal: 'SIGKILL' } });
  const test48 = { limits: { disk: '48M', memory: '64M' }, settle: '3s' };

  test.each(
    shareOfDay(
      [
        ['one file', 'cat /dev/zero >/fill; sleep 60'],
        ['a file without a name', 'exec 3>/fill; rm /fill; cat /dev/zero >&3; sleep 60'],
        ['files without content', 'cd /srv; i=0; while mkdir -p $i/a/b/c/d; do i=$((i+1)); done; sleep 60'],
        ['and ends at once', 'cat /dev/zero >/fill'],
      ],
      2,
    ),
  )('that fills its tree with %s', async (_, text) => {
    await desk.build(
      await desk.tiny('filler', ['tiny-base'], {
        directories: [{ path: '/srv' }],
        ...shell(text),
        test: test48,
      }),
    );
    const { code, details } = await desk.fails(['boot', 'filler']);
    expect(code).toBe('BOOT_FAILED');
    expect((details as unknown as Verdict).causes.map((cause) => cause.code)).toContain('disk-full');
    isNeverFull();
  });
});

describe('what is unpacked', () => {
  const size = 600 * MiB;

  /** Much of nothing in few bytes, as a stranger would send it. */
  async function bomb(): Promise<Buffer> {
    const zstd = createZstdCompress();
    const entry = {
      path: 'zeros' as ByteString,
      type: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: 0,
      size,
    } as const;
    async function* tar() {
      yield tarHeader(entry);
      for (let left = size; left > 0; left -= MiB) yield Buffer.alloc(MiB);
      yield endOfArchive;
    }
    const parts: Buffer[] = [];
    zstd.on('data', (part: Buffer) => parts.push(part));
    await pipeline(tar, zstd);
    return Buffer.concat(parts);
  }

  test('a tar to build on', async () => {
    await writeFile(desk.path('base.tar.zst'), await bomb());
    const recipe = await desk.tiny('bombed', ['tiny-app'], { from: { tar: desk.path('base.tar.zst') } });
    expect(await desk.fails(['build', recipe])).toMatchObject({ code: 'UNPACKED_TOO_LARGE', exit: 9 });
    isNeverFull();
  });

  test('a directory to build on', async () => {
    await mkdir(desk.path('base'));
    const file = await open(desk.path('base', 'random'), 'w');
    for (let left = 900; left > 0; left--) await file.write(randomBytes(MiB));
    await file.close();
    const recipe = await desk.tiny('large', ['tiny-app'], { from: { directory: desk.path('base') } });
    expect(await desk.fails(['build', recipe])).toMatchObject({ code: 'DISK_FULL', exit: 9 });
    expect(least).toBeGreaterThan(0);
  });

  test('an image of another machine', async () => {
    const progress = { step: () => {}, warn: () => {}, update: () => {} };
    const context = await openContext({ state: desk.state, storage: 'overlay', progress });
    try {
      const store = (bytes: Buffer) => shareBytes(context, bytes);
      const layer = {
        mediaType: mediaTypes.zstd,
        digest: await store(await bomb()),
        size: (await bomb()).length,
      };
      const diffID = `sha256:${'0'.repeat(64)}`;
      const layers = [{ ...layer, diffID, holds: 'nothing', recipe: 'bomb' }];
      const config = { env: {}, exposedPorts: [], volumes: [], labels: {} };
      const plan = { ...testSchema.parse({}), init: true };
      const about = { name: 'bomb', arch: 'x86_64', epoch: 0, config, layers, test: plan };
      const image = makeImage(about);
      const [manifestDigest, configDigest] = [await store(image.manifest), await store(image.config)];
      const report = { normalised: [], removedKeys: [], state: [], verification: [], warnings: [], log: [] };
      const record = {
        ...about,
        version: recordVersion,
        buildKey: diffID,
        arches: ['x86_64'],
        lockDigest: diffID,
        manifestDigest,
        configDigest,
        manifestSize: image.manifest.length,
        packages: [],
        checksums: {},
        dbPath: '/usr/lib/sysimage/rpm',
        snapshot: `bomb@${manifestDigest}`,
        tree: await store(Buffer.from('')),
        report,
      };
      const digest = await store(Buffer.from(JSON.stringify(record)));
      await expect(importImages(context, [digest])).rejects.toMatchObject({ code: 'UNPACKED_TOO_LARGE' });
      expect(context.snapshots.stat(record.snapshot)).toBeUndefined();
      isNeverFull();
    } finally {
      await context.close();
    }
  });
});

test('blobs that would take the last of it are refused, and what is left is enough to say so', async () => {
  const recipe = await desk.tiny('small', ['tiny-base']);
  await desk.build(recipe);
  const spare = await spareBytes(desk.state);
  await writeFile(desk.path('state', 'filler'), Buffer.alloc(spare - 3 * MiB, 1));
  const again = await desk.tiny('other', ['tiny-base', 'tiny-app']);
  expect(await desk.fails(['build', again])).toMatchObject({ code: 'DISK_FULL', exit: 9 });
  expect(least).toBeGreaterThanOrEqual(0);
});
