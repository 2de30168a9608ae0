import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../lib/host/exec.ts';
import { findUser } from './user.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'milliner-user-'));
  await mkdir(join(root, 'etc'));
  await write('passwd', [
    'root:x:0:0:root:/root:/bin/sh',
    'app:x:77:78::/srv/app:/bin/false',
    '501:x:9:9::/:',
  ]);
  await write('group', ['root:x:0:', 'app:x:78:', 'disk:x:6:other,app', 'tape:x:7:app', 'apps:x:8:apple']);
});
afterEach(() => rm(root, { recursive: true }));

async function write(name: string, lines: string[]): Promise<void> {
  await writeFile(join(root, 'etc', name), `${lines.join('\n')}\n`);
}

test.each([
  [undefined, { uid: 0, gid: 0, additionalGids: [], home: '/root' }],
  ['', { uid: 0, gid: 0, additionalGids: [], home: '/root' }],
  ['app', { uid: 77, gid: 78, additionalGids: [6, 7], home: '/srv/app' }],
  ['77', { uid: 77, gid: 78, additionalGids: [6, 7], home: '/srv/app' }],
  ['app:disk', { uid: 77, gid: 6, additionalGids: [], home: '/srv/app' }],
  ['app:4000', { uid: 77, gid: 4000, additionalGids: [], home: '/srv/app' }],
  ['app:', { uid: 77, gid: 78, additionalGids: [6, 7], home: '/srv/app' }],
  [':disk', { uid: 0, gid: 6, additionalGids: [], home: '/root' }],
  ['4000', { uid: 4000, gid: 0, additionalGids: [], home: '/' }],
  ['4000:app', { uid: 4000, gid: 78, additionalGids: [], home: '/' }],
  // A name goes before a number.
  ['501', { uid: 9, gid: 9, additionalGids: [], home: '/' }],
])('user %j', async (user, expected) => {
  expect(await findUser(root, user)).toEqual(expected);
});

test.each(['nobody', 'app:nobody', '-1', '4294967295', '4294967296', '1e3', '0x10', ' 77', 'app:-1', '７７'])(
  'there is no user %j',
  async (user) => {
    expect(await findUser(root, user)).toBeUndefined();
  },
);

test('an image without a user database has numbers, and root', async () => {
  await rm(join(root, 'etc'), { recursive: true });
  expect(await findUser(root)).toEqual({ uid: 0, gid: 0, additionalGids: [], home: '/' });
  expect(await findUser(root, '5:6')).toEqual({ uid: 5, gid: 6, additionalGids: [], home: '/' });
  expect(await findUser(root, 'root')).toBeUndefined();
});

test('a link in the place of the user database leads into the image', async () => {
  const outside = await mkdtemp(join(tmpdir(), 'milliner-outside-'));
  try {
    await writeFile(join(outside, 'passwd'), 'secret:x:4242:4242::/:\n');
    await rm(join(root, 'etc/passwd'));
    await symlink(join(outside, 'passwd'), join(root, 'etc/passwd'));
    expect(await findUser(root, 'secret')).toBeUndefined();
    await rm(join(root, 'etc'), { recursive: true });
    await symlink(`../../../../../..${outside}`, join(root, 'etc'));
    expect(await findUser(root, 'secret')).toBeUndefined();
  } finally {
    await rm(outside, { recursive: true });
  }
});

test.each([
  ['a FIFO', (path: string) => run('mkfifo', [path])],
  ['a directory', (path: string) => mkdir(path)],
  ['a link in a circle', (path: string) => symlink('passwd', path)],
])('%s in the place of the user database is refused, not waited for', async (_what, make) => {
  await rm(join(root, 'etc/passwd'));
  await make(join(root, 'etc/passwd'));
  await expect(findUser(root, 'app')).rejects.toMatchObject({ code: 'INSTALL_FAILED' });
});

const id = fc.integer({ min: 0, max: 0xffff_fffe });
const line = fc.array(fc.oneof(fc.string(), id.map(String), fc.constant('app')), { maxLength: 9 });
const database = fc.array(line, { maxLength: 5 });
const text = (rows: string[][]) => rows.map((row) => row.join(':')).join('\n');

test('whatever stands in the user database, the ids are some that the kernel takes', async () => {
  const user = fc.oneof(fc.constantFrom('app', 'app:app', '7:app', ''), fc.string());
  await fc.assert(
    fc.asyncProperty(database, database, user, async (passwd, group, wanted) => {
      await writeFile(join(root, 'etc/passwd'), text(passwd));
      await writeFile(join(root, 'etc/group'), text(group));
      const found = await findUser(root, wanted);
      if (!found) return;
      for (const one of [found.uid, found.gid, ...found.additionalGids]) {
        expect(Number.isInteger(one) && one >= 0 && one < 0xffff_ffff).toBe(true);
      }
      expect(found.home).not.toBe('');
    }),
  );
});
