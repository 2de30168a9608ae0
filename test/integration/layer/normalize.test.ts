/** What goes of a tree on disk, and what stays because a package carries it. */
import { execFileSync } from 'node:child_process';
import { chmod, link, lstat, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { native } from '../../../src/lib/host/native.ts';
import { byteString } from '../../../src/lib/host/paths.ts';
import type { RpmFile } from '../../../src/lib/rpm/file-list.ts';
import { scanSnapshot } from '../../../src/stages/snapshot/snapshotter.ts';
import { packagedFiles } from '../../../src/stages/layer/packages/packaged.ts';
import { treeOf, type Tree } from '../../../src/stages/layer/tree.ts';
import { normalise } from '../../../src/stages/layer/normalize/normalize.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp('/var/tmp/milliner-normalise-');
});
afterEach(() => rm(root, { recursive: true }));

async function put(path: string, content = 'words\n', mode = 0o644): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
  await chmod(join(root, path), mode);
}

const carried = (path: string, ghost = false) =>
  ({ path: byteString(path), mtime: 1, flags: { ghost } }) as unknown as RpmFile;
const ghost = (path: string) => carried(path, true);

/** Path and action of all that is done. */
async function done(files: RpmFile[], parent?: Tree): Promise<string[]> {
  const tree = treeOf(await scanSnapshot(root));
  const packaged = packagedFiles([{ nevra: 'some-1-1.noarch', files }], tree);
  const all = await normalise({ root, tree, parent, packaged, epoch: 0 });
  return all.map(({ path, action }) => `${action} ${path}`).toSorted();
}

const places = ['var/log/a', 'var/cache/a', 'tmp/a', 'etc/passwd-', 'var/lib/x/.rpm.lock'];

test('what no package carries goes', async () => {
  for (const path of places) await put(path);
  expect(await done([])).toEqual(places.map((path) => `removed /${path}`).toSorted());
});

test('what a package carries stays with what was written to it', async () => {
  for (const path of places) await put(path);
  expect(await done(places.map((path) => carried(path)))).toEqual([]);
  // Some packages own as a ghost what another carries.
  expect(await done(places.flatMap((path) => [ghost(path), carried(path)]))).toEqual([]);
});

test("a ghost's content goes; owner and mode are the package's", async () => {
  for (const path of places) await put(path, 'words\n', 0o600);
  expect(await done(places.map(ghost))).toEqual([
    'emptied /var/cache/a',
    'emptied /var/log/a',
    'removed /etc/passwd-',
    'removed /var/lib/x/.rpm.lock',
  ]);
  expect(await lstat(join(root, 'var/log/a'))).toMatchObject({ size: 0, mode: 0o100600 });
});

test('an empty ghost tells nothing and stays', async () => {
  for (const path of places.slice(0, 4)) await put(path, '');
  expect(await done(places.slice(0, 4).map(ghost))).toEqual([]);
});

test('a package of another time names the path through a link', async () => {
  await put('tmp/a');
  await mkdir(join(root, 'var'));
  await symlink('../tmp', join(root, 'var/tmp'));
  expect(await done([carried('var/tmp/a')])).toEqual([]);
  expect(await done([])).toEqual(['removed /tmp/a']);
});

test('a link, a device or a FIFO is no log and no cache; in /tmp it is a leftover', async () => {
  for (const directory of ['var/log', 'var/cache', 'tmp']) {
    await mkdir(join(root, directory), { recursive: true });
    await symlink('/dev/stdout', join(root, directory, 'link'));
    execFileSync('mkfifo', [join(root, directory, 'fifo')]);
    execFileSync('mknod', [join(root, directory, 'null'), 'c', '1', '3']);
  }
  expect(await done([])).toEqual(['removed /tmp/fifo', 'removed /tmp/link', 'removed /tmp/null']);
});

test('a socket goes wherever it is: no layer can hold one', async () => {
  await put('run/lock');
  await native().mknod(Buffer.from(join(root, 'run/socket')), 0o140600, 0, 0);
  expect(await done([])).toEqual(['removed /run/socket']);
});

test('a ghost that was linked to a file of a package is emptied alone', async () => {
  await put('usr/share/text');
  await mkdir(join(root, 'var/log'), { recursive: true });
  await link(join(root, 'usr/share/text'), join(root, 'var/log/a'));
  expect(await done([carried('usr/share/text'), ghost('var/log/a')])).toEqual(['emptied /var/log/a']);
  expect(await readFile(join(root, 'usr/share/text'), 'utf8')).toBe('words\n');
  expect(await readFile(join(root, 'var/log/a'), 'utf8')).toBe('');
});

test('what tells one machine from another goes, and is emptied where a package carries it', async () => {
  const identities = ['var/lib/dbus/machine-id', 'var/lib/systemd/random-seed'];
  const all = (action: string) => identities.map((path) => `${action} /${path}`);
  for (const path of identities) await put(path);
  expect(await done(identities.map((path) => carried(path)))).toEqual(all('emptied'));
  for (const path of identities) await put(path);
  expect(await done(identities.map(ghost))).toEqual(all('removed'));
});

test("a file of the base whose owner or mode alone has changed is the base's", async () => {
  await put('var/log/a');
  execFileSync('touch', ['-d', '@1', join(root, 'var/log/a')]);
  const parent = treeOf(await scanSnapshot(root));
  await chmod(join(root, 'var/log/a'), 0o600);
  expect(await done([], parent)).toEqual([]);
  await put('var/log/a', 'other\n', 0o600);
  expect(await done([], parent)).toEqual(['removed /var/log/a']);
});
