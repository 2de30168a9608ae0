/** The overlayfs driver: the suites that any snapshotter has to pass, and what is its own. Needs root. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mount, unmount, unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { native } from '../../../src/lib/host/native.ts';
import { OverlaySnapshotter } from '../../../src/stages/snapshot/overlay.ts';
import { changes } from '../../helpers/snapshot/changes.ts';
import { conformance } from '../../helpers/snapshot/conformance.ts';
import { processes } from '../../helpers/snapshot/processes.ts';
import { acl } from '../../helpers/snapshot/tree.ts';

conformance('overlay');
processes('overlay');
changes('overlay', process.env['MILLINER_SOAK'] ? 3000 : 60);
conformance('overlay on disks');
processes('overlay on disks');
changes('overlay on disks', process.env['MILLINER_SOAK'] ? 600 : 6);

let state: string;
beforeEach(async () => {
  state = await mkdtemp('/var/tmp/milliner-overlay-');
});
afterEach(async () => {
  await unmountAllBelow(state, { detach: true });
  await rm(state, { recursive: true });
});

test('a state directory on an overlay is refused, by name, and nothing stays there', async () => {
  const [lower, upper, work, inner] = ['lower', 'upper', 'work', 'inner'].map((name) =>
    join(state, name),
  ) as [string, string, string, string];
  for (const path of [lower, upper, work, inner]) await mkdir(path);
  await mount({ type: 'overlay', lower: [lower], writable: { upper, work }, options: [] }, inner);
  await expect(OverlaySnapshotter.open(inner)).rejects.toMatchObject({ code: 'HOST_MISSING' });
  await unmount(inner, { detach: false });
});

test('a database of another version, or a damaged one, is refused and left alone', async () => {
  await (await OverlaySnapshotter.open(state)).close();
  const path = join(state, 'snapshots', 'overlay', 'metadata.db');
  const database = new DatabaseSync(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  await expect(OverlaySnapshotter.open(state)).rejects.toMatchObject({ code: 'STATE_INVALID' });
  await writeFile(path, 'no database'.repeat(1000));
  await expect(OverlaySnapshotter.open(state)).rejects.toMatchObject({ code: 'STATE_INVALID' });
});

test('an ACL that the state directory hands down does not enter an image', async () => {
  await native().setXattr(Buffer.from(state), 'system.posix_acl_default', acl);
  const snapshots = await OverlaySnapshotter.open(state);
  await snapshots.prepare('key');
  const [root] = await snapshots.scan('key');
  expect(root?.mode).toBe(0o40755);
  expect(Object.keys(root?.xattrs ?? {})).toEqual([]);
  await snapshots.close();
});

test("overlayfs's own notes are in no tree, and every layer can carry children of its own", async () => {
  const snapshots = await OverlaySnapshotter.open(state);
  await snapshots.prepare('key');
  await mkdir(`${await snapshots.mount('key')}/d`);
  await snapshots.commit('one', 'key');
  // The same parent again and again, after others used it as their lower directory.
  for (const child of ['two', 'three']) {
    await snapshots.prepare('key', 'one');
    await writeFile(`${await snapshots.mount('key')}/d/${child}`, '');
    await snapshots.commit(child, 'key');
    const [layer] = (await snapshots.prepare('key', child), snapshots.mounts('key'));
    if (layer?.type !== 'overlay') throw new Error('a child must be an overlay');
    for (const fs of layer.lower) {
      const xattrs = (await native().scan(fs)).flatMap((entry) => Object.keys(entry.xattrs ?? {}));
      expect(xattrs).toEqual([]);
    }
    await snapshots.remove('key');
  }
  await snapshots.close();
});
