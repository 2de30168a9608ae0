/** What every snapshotter must do, whatever it is made of. */
import {
  appendFile,
  chmod,
  chown,
  link,
  mkdir,
  mkdtemp,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { run, start } from '../../../src/lib/host/exec.ts';
import { mountsBelow, unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { native } from '../../../src/lib/host/native.ts';
import type { Snapshotter } from '../../../src/stages/snapshot/snapshotter.ts';
import { drivers, removeAllBut, type DriverName } from './drivers.ts';
import { acl, describeTree, makeEverything } from './tree.ts';

const nothing = () => Promise.resolve();

export function conformance(driver: DriverName): void {
  describe(`${driver} as a snapshotter`, { timeout: 600_000 }, () => {
    let state: string;
    let snapshots: Snapshotter;

    // One state for all, because a pool takes long to make: each test leaves it empty.
    beforeAll(async () => {
      // A name that has to be escaped in mount options and in mountinfo.
      state = await mkdtemp('/var/tmp/milliner snapshots:with,odd\\name-');
    });
    beforeEach(async () => {
      snapshots = await drivers[driver].open(state);
    });
    afterEach(async () => {
      await removeAllBut(snapshots, []);
      await snapshots.close();
      expect(await mountsBelow(state)).toEqual([]);
    });
    afterAll(async () => {
      await unmountAllBelow(state, { detach: true });
      await drivers[driver].destroy(state);
      await rm(state, { recursive: true });
    });

    /** Commits `name` on a parent, with what fill does to the mounted tree; gives what was seen before the commit. */
    async function layer(
      committed: string,
      parent: string | undefined,
      fill: (root: string) => Promise<void>,
    ) {
      const key = `work on ${committed}`;
      await snapshots.prepare(key, parent);
      const root = await snapshots.mount(key);
      await fill(root);
      const seen = await describeTree(root, await snapshots.scan(key));
      await snapshots.commit(committed, key);
      return seen;
    }

    async function look(committed: string) {
      const key = `look at ${committed}`;
      await snapshots.view(key, committed);
      const root = await snapshots.mount(key);
      const seen = await describeTree(root, await snapshots.scan(key));
      await snapshots.remove(key);
      return seen;
    }

    test('an empty snapshot is a root directory, 0755 root, whatever the umask', async () => {
      const before = process.umask(0o077);
      try {
        await snapshots.prepare('new');
      } finally {
        process.umask(before);
      }
      const [root, ...others] = await snapshots.scan('new');
      expect(root).toMatchObject({ path: '', mode: 0o40755, uid: 0, gid: 0 });
      expect(others).toEqual([]);
    });

    test('everything that a package may hold comes back from a commit, through any number of layers', async () => {
      const seen = await layer('one', undefined, makeEverything);
      expect(Object.keys(seen)).toContain('odd/\xff\xfe not UTF-8');
      expect(seen['empty']?.mtime).toBe('1700000000.123456789');
      expect(seen['usr/two']?.names).toEqual(['2', 'usr/bin/one', 'usr/two']);
      expect(await look('one')).toEqual(seen);
      await layer('two', 'one', nothing);
      await layer('three', 'two', nothing);
      expect(await look('three')).toEqual(seen);
    });

    test("a change of attributes in a child keeps all the others, and the parent's", async () => {
      const before = await layer('one', undefined, makeEverything);
      const after = await layer('two', 'one', async (root) => {
        for (const { path, mode } of (await snapshots.scan('work on two')).slice(1)) {
          // Appending a bit to each mode copies each file up.
          if ((mode & 0o170000) === 0o120000) continue;
          await chmod(Buffer.from(`${root}/${path}`, 'latin1'), (mode & 0o7777) | 0o001);
        }
      });
      expect(await look('two')).toEqual(after);
      expect(await look('one')).toEqual(before);
      const withoutMode = (tree: typeof before) =>
        Object.entries(tree).map(([path, { mode: _mode, xattrs, ...others }]) => [
          path,
          others,
          Object.keys(xattrs ?? {}),
        ]);
      expect(withoutMode(after)).toEqual(withoutMode(before));
    });

    test("the root directory's own attributes are the image's", async () => {
      const seen = await layer('one', undefined, async (root) => {
        await chown(root, 3, 4);
        await chmod(root, 0o2555);
        await native().setXattr(Buffer.from(root), 'user.note', Buffer.from('root'));
        await native().setXattr(Buffer.from(root), 'system.posix_acl_access', acl);
        await native().setMtime(Buffer.from(root), 1_000_000_000, 987_654_321);
      });
      await layer('two', 'one', nothing);
      await layer('three', 'two', nothing);
      expect(await look('one')).toEqual(seen);
      expect(await look('three')).toEqual(seen);
    });

    test('a file of several names stays one file when a child changes it through one of them', async () => {
      const names = ['a', 'b', 'deep/er/c'];
      await layer('one', undefined, async (root) => {
        await mkdir(`${root}/deep/er`, { recursive: true });
        await writeFile(`${root}/a`, 'one');
        await link(`${root}/a`, `${root}/b`);
        await link(`${root}/a`, `${root}/deep/er/c`);
        await writeFile(`${root}/other`, 'other');
        await link(`${root}/other`, `${root}/other2`);
      });
      const changes: Record<string, (root: string) => Promise<void>> = {
        mode: (root) => chmod(`${root}/a`, 0o600),
        content: (root) => appendFile(`${root}/b`, ' and two'),
        rewrite: (root) => truncate(`${root}/deep/er/c`, 1),
        'one more name': (root) => link(`${root}/b`, `${root}/deep/d`),
        'one name less': (root) => rm(`${root}/a`),
        'changed, then the name removed': async (root) => {
          await appendFile(`${root}/b`, ' and two');
          await rm(`${root}/b`);
        },
        'one name replaced': async (root) => {
          await rm(`${root}/b`);
          await writeFile(`${root}/b`, 'another file');
        },
      };
      for (const [what, change] of Object.entries(changes)) {
        const seen = await layer(what, 'one', change);
        expect(await look(what), what).toEqual(seen);
        const grandchild = await layer(`${what}, again`, what, (root) => chmod(`${root}/deep/er/c`, 0o640));
        expect(await look(`${what}, again`), what).toEqual(grandchild);
      }
      expect((await look('mode'))['deep/er/c']).toMatchObject({ mode: '100600', names: ['3', ...names] });
      expect((await look('one name less'))['b']?.names).toEqual(['2', 'b', 'deep/er/c']);
      expect((await look('mode'))['other']?.names).toEqual(['2', 'other', 'other2']);
    });

    test('what a child deletes is gone, and what it makes anew in its place is new', async () => {
      await layer('one', undefined, async (root) => {
        await mkdir(`${root}/gone/sub`, { recursive: true });
        await mkdir(`${root}/again`);
        await writeFile(`${root}/again/old`, 'old');
        await writeFile(`${root}/file`, 'old');
        await writeFile(`${root}/becomes`, 'a directory');
      });
      const seen = await layer('two', 'one', async (root) => {
        for (const path of ['gone', 'again', 'file', 'becomes'])
          await rm(`${root}/${path}`, { recursive: true });
        await mkdir(`${root}/again`);
        await writeFile(`${root}/again/new`, 'new');
        await mkdir(`${root}/becomes`);
        await writeFile(`${root}/becomes/inside`, '');
      });
      expect(Object.keys(seen)).toEqual(['', 'again', 'again/new', 'becomes', 'becomes/inside']);
      expect(await look('two')).toEqual(seen);
      const third = await layer('three', 'two', (root) => writeFile(`${root}/file`, 'back'));
      expect(await look('three')).toEqual(third);
    });

    test('a directory of the parent can be moved, with all that it holds', async () => {
      await layer('one', undefined, async (root) => {
        await mkdir(`${root}/old`);
        await makeEverything(`${root}/old`);
      });
      const seen = await layer('two', 'one', async (root) => {
        // Not mv(1), which copies where rename(2) is refused: scriptlets in Lua call rename.
        await rename(`${root}/old`, `${root}/new`);
      });
      expect(Object.keys(seen).filter((path) => path.startsWith('old'))).toEqual([]);
      expect(seen['new/usr/two']?.names).toEqual(['2', 'new/usr/bin/one', 'new/usr/two']);
      expect(await look('two')).toEqual(seen);
      const third = await layer('three', 'two', (root) => rename(`${root}/new`, `${root}/newest`));
      expect(await look('three')).toEqual(third);
    });

    test("the file system's lost+found is not shown", async () => {
      await snapshots.prepare('key');
      const root = await snapshots.mount('key');
      await mkdir(`${root}/lost+found/x`, { recursive: true });
      await mkdir(`${root}/usr/lost+found`, { recursive: true });
      const paths = (await snapshots.scan('key')).map(({ path }) => String(path));
      expect(paths).toEqual(['', 'usr', 'usr/lost+found']);
    });

    test('what is mounted inside is not part of the tree', async () => {
      await snapshots.prepare('key');
      const root = await snapshots.mount('key');
      await mkdir(`${root}/proc`, { mode: 0o555 });
      await run('mount', ['-t', 'proc', 'proc', `${root}/proc`]);
      const entries = await snapshots.scan('key');
      expect(entries.map(({ path, mode }) => [String(path), mode & 0o777])).toEqual([
        ['', 0o755],
        ['proc', 0o555],
      ]);
      await snapshots.commit('one', 'key');
      expect(await mountsBelow(state)).toEqual([]);
    });

    test('holes stay holes, and a large file is whole', async () => {
      const size = 6 * 1024 ** 3;
      const seen = await layer('one', undefined, async (root) => {
        const handle = await open(`${root}/sparse`, 'w');
        await handle.write('start', 0);
        await handle.write('end', size - 3);
        await handle.close();
      });
      await layer('two', 'one', (root) => chmod(`${root}/sparse`, 0o600));
      await snapshots.view('look', 'two');
      const [, sparse] = await snapshots.scan('look');
      expect(seen['sparse']?.size).toBe(size);
      expect(sparse).toMatchObject({ size, mode: 0o100600 });
      expect(sparse?.allocated).toBeLessThan(1 << 22);
      expect((await snapshots.usage('one')).bytes).toBeLessThan(1 << 22);
    });

    test('children of one parent do not see each other, even mounted side by side', async () => {
      await layer('base', undefined, (root) => writeFile(`${root}/file`, 'base'));
      const roots = await Promise.all(
        ['x', 'y', 'z'].map(async (key) => {
          await snapshots.prepare(key, 'base');
          return snapshots.mount(key);
        }),
      );
      for (const root of roots) await writeFile(`${root}/file`, root);
      for (const root of roots) expect(await readFile(`${root}/file`, 'utf8')).toBe(root);
      await snapshots.unmount('x');
      expect(await readFile(`${await snapshots.mount('x')}/file`, 'utf8')).toBe(roots[0]);
      expect((await look('base'))['file']?.size).toBe(4);
    });

    test('many layers, each with a file of its own', async () => {
      let parent: string | undefined;
      for (let count = 1; count <= drivers[driver].depth; count++) {
        const committed = `sha256:${String(count).padStart(64, '0')}`;
        await layer(committed, parent, (root) => writeFile(`${root}/${count}`, ''));
        parent = committed;
      }
      expect(Object.keys(await look(parent ?? ''))).toHaveLength(drivers[driver].depth + 1);
    });

    test('a view cannot be written to or committed', async () => {
      await layer('one', undefined, nothing);
      await layer('two', 'one', nothing);
      for (const parent of ['one', 'two']) {
        const key = `view of ${parent}`;
        await snapshots.view(key, parent);
        const root = await snapshots.mount(key);
        await expect(writeFile(`${root}/file`, '')).rejects.toMatchObject({ code: 'EROFS' });
        await expect(snapshots.commit('three', key)).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
      }
    });

    test('names are unique, and only committed snapshots can be parents', async () => {
      await snapshots.prepare('key');
      for (const again of [snapshots.prepare('key'), snapshots.view('key', 'key')]) {
        await expect(again).rejects.toMatchObject({
          code: expect.stringMatching(/EXISTS|NOT_FOUND/) as string,
        });
      }
      for (const parent of ['key', 'absent']) {
        await expect(snapshots.prepare('child', parent)).rejects.toMatchObject({
          code: 'SNAPSHOT_NOT_FOUND',
        });
      }
      await snapshots.commit('name', 'key');
      await snapshots.prepare('other');
      await expect(snapshots.commit('name', 'other')).rejects.toMatchObject({ code: 'SNAPSHOT_EXISTS' });
      await expect(snapshots.commit('more', 'name')).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
      await expect(snapshots.mount('name')).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
      await snapshots.commit('another', 'other');
      await expect(snapshots.remove('other')).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
    });

    test('stat and walk tell names, kinds, parents and labels, parents first', async () => {
      await snapshots.prepare('key');
      await snapshots.commit('one', 'key', { 'milliner/lock': 'sha256:1' });
      await snapshots.prepare('key', 'one');
      await snapshots.view('look', 'one');
      const walked: string[] = [];
      await snapshots.walk((snapshot) => void walked.push(`${snapshot.kind} ${snapshot.name}`));
      expect(walked).toEqual(['committed one', 'active key', 'view look']);
      expect(snapshots.stat('one')).toMatchObject({ labels: { 'milliner/lock': 'sha256:1' } });
      expect(snapshots.stat('key')).toMatchObject({ parent: 'one', kind: 'active' });
      expect(snapshots.stat('absent')).toBeUndefined();
    });

    test('a parent goes after its children', async () => {
      await layer('one', undefined, nothing);
      await layer('two', 'one', nothing);
      await snapshots.view('look', 'two');
      for (const name of ['one', 'two']) {
        await expect(snapshots.remove(name)).rejects.toMatchObject({ code: 'SNAPSHOT_IN_USE' });
      }
      for (const name of ['look', 'two', 'one']) await snapshots.remove(name);
      await snapshots.walk(() => expect.unreachable());
      expect(await mountsBelow(state)).toEqual([]);
    });

    test('usage counts what a snapshot adds, a file of two names once', async () => {
      const megabyte = Buffer.alloc(1 << 20, 1);
      await layer('one', undefined, async (root) => {
        await writeFile(`${root}/a`, megabyte);
        await link(`${root}/a`, `${root}/b`);
      });
      await layer('two', 'one', (root) => writeFile(`${root}/c`, megabyte));
      for (const name of ['one', 'two', 'one']) {
        const { bytes, inodes } = await snapshots.usage(name);
        expect(bytes).toBeGreaterThanOrEqual(1 << 20);
        expect(bytes).toBeLessThan(1.5 * (1 << 20));
        expect(inodes).toBeGreaterThanOrEqual(2);
      }
    });

    test('a snapshot that a process still uses cannot be committed; afterwards it can', async () => {
      await snapshots.prepare('key');
      const root = await snapshots.mount('key');
      const user = start('sleep', ['600'], { cwd: root });
      await expect(snapshots.commit('one', 'key')).rejects.toMatchObject({ code: 'BUSY' });
      user.kill('SIGKILL');
      await user;
      await snapshots.commit('one', 'key');
    });

    test('removal goes on although a process still uses the tree', async () => {
      await snapshots.prepare('key');
      const user = start('sleep', ['600'], { cwd: await snapshots.mount('key') });
      await snapshots.remove('key');
      expect(await mountsBelow(state)).toEqual([]);
      user.kill('SIGKILL');
      await user;
    });

    test('committed snapshots outlive the process, unfinished ones do not outlive close', async () => {
      const seen = await layer('one', undefined, makeEverything);
      await snapshots.prepare('key', 'one');
      await snapshots.mount('key');
      await snapshots.close();
      snapshots = await drivers[driver].open(state);
      expect(snapshots.stat('key')).toBeUndefined();
      expect(await mountsBelow(state)).toEqual([]);
      expect(await look('one')).toEqual(seen);
    });

    test('only root can look into the trees from outside', async () => {
      await layer('one', undefined, nothing);
      const [directory = ''] = await readdir(join(state, 'snapshots'));
      expect((await stat(join(state, 'snapshots', directory))).mode & 0o777).toBe(0o700);
    });
  });
}
