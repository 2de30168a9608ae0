/** The addon's system calls, and mounts that the snapshot suites do not make. Needs root. */
import { chmod, link, mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { start } from '../../../src/lib/host/exec.ts';
import { mount, mountsBelow, unmount, unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { native } from '../../../src/lib/host/native.ts';
import { below, type ByteString } from '../../../src/lib/host/paths.ts';
import { removeTree } from '../../../src/lib/host/remove-tree.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-native-'));
});
afterEach(async () => {
  await unmountAllBelow(directory, { detach: true });
  await rm(directory, { recursive: true });
});

test('scan gives parents before children and siblings in byte order, names as bytes', async () => {
  const names = ['b', 'a', 'a.b', 'a/z', 'Z', '\xff'] as ByteString[];
  for (const name of names) await mkdir(below(directory, name));
  const paths = (await native().scan(directory)).map((entry) => entry.path);
  expect(paths).toEqual(['', 'Z', 'a', 'a/z', 'a.b', 'b', '\xff']);
  await rm(below(directory, '\xff' as ByteString), { recursive: true });
});

test('scan refuses a tree whose paths are longer than the kernel takes, and removeTree removes it', async () => {
  const levels = 'dd/'.repeat(1000);
  const top = `${directory}/top`;
  await mkdir(`${top}/one/${levels}`, { recursive: true });
  await mkdir(`${top}/two/${levels}`, { recursive: true });
  await mkdir(below(`${top}/two`, '\xff' as ByteString));
  expect(await native().scan(top)).toHaveLength(2004);
  await rename(`${top}/two`, `${top}/one/${levels}two`);
  await expect(native().scan(top)).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  await removeTree(top);
  await removeTree(top);
  expect(await readdir(directory)).toEqual([]);
});

test('scan and lstat tell the same of every kind of file', async () => {
  await writeFile(`${directory}/file`, 'x'.repeat(5000), { mode: 0o640 });
  await link(`${directory}/file`, `${directory}/same`);
  await symlink('x'.repeat(4000), `${directory}/link`);
  await native().mknod(Buffer.from(`${directory}/device`), 0o020600, 4, 64);
  await native().setXattr(Buffer.from(`${directory}/file`), 'user.big', Buffer.alloc(3000, 1));
  for (let index = 0; index < 30; index++) {
    await native().setXattr(Buffer.from(`${directory}/same`), `user.number${index}`, Buffer.alloc(0));
  }
  const entries = await native().scan(directory);
  for (const entry of entries.slice(1)) {
    const path = `${directory}/${entry.path}`;
    // Inodes are numbered by a scan alone.
    expect(await native().lstat(path)).toEqual({ ...entry, path, inode: 0n });
  }
  const [, device, file, linked] = entries;
  expect(device).toMatchObject({ mode: 0o020600, deviceMajor: 4, deviceMinor: 64 });
  expect(file).toMatchObject({ size: 5000, links: 2, mode: 0o100640 });
  expect(Object.keys(file?.xattrs ?? {})).toHaveLength(31);
  expect(file?.xattrs?.['user.big']).toEqual(Buffer.alloc(3000, 1));
  expect(linked?.target).toBe('x'.repeat(4000));
  await native().removeXattr(Buffer.from(`${directory}/file`), 'user.big');
  expect(Object.keys((await native().lstat(`${directory}/file`)).xattrs ?? {})).toHaveLength(30);
});

test('a change of content or attributes changes the ctime', async () => {
  await writeFile(`${directory}/file`, 'x');
  const before = await native().lstat(`${directory}/file`);
  await chmod(`${directory}/file`, 0o600);
  await native().setMtime(Buffer.from(`${directory}/file`), before.mtimeSeconds, before.mtimeNanoseconds);
  const after = await native().lstat(`${directory}/file`);
  expect(after).toMatchObject({
    mtimeSeconds: before.mtimeSeconds,
    mtimeNanoseconds: before.mtimeNanoseconds,
  });
  expect(after.ctimeNanoseconds).toBeGreaterThan(before.ctimeNanoseconds);
});

test('mknod gives the mode it was asked for, whatever the umask', async () => {
  const before = process.umask(0o077);
  try {
    await native().mknod(Buffer.from(`${directory}/fifo`), 0o010666, 0, 0);
  } finally {
    process.umask(before);
  }
  expect((await native().lstat(`${directory}/fifo`)).mode).toBe(0o010666);
});

test('a failed system call is told by its fields, and no argument is cut at a NUL byte', async () => {
  const absent = `${directory}/absent`;
  for (const call of ['lstat', 'scan', 'syncfs'] as const) {
    await expect(native()[call](absent)).rejects.toMatchObject({
      code: 'ENOENT',
      errno: -2,
      syscall: expect.any(String) as string,
    });
  }
  await writeFile(`${directory}/file`, '');
  await expect(native().scan(`${directory}/file`)).rejects.toMatchObject({ code: 'ENOTDIR' });
  expect(() => native().lstat(`${directory}/file\0more`)).toThrow(TypeError);
});

test('a read-only bind mount shows the source and refuses to write', async () => {
  await mkdir(`${directory}/source`);
  await mkdir(`${directory}/target`);
  await writeFile(`${directory}/source/file`, '');
  await mount({ type: 'bind', source: `${directory}/source`, readonly: true }, `${directory}/target`);
  expect(await readdir(`${directory}/target`)).toEqual(['file']);
  await expect(writeFile(`${directory}/target/new`, '')).rejects.toMatchObject({ code: 'EROFS' });
  expect(await unmount(`${directory}/target`, { detach: false })).toBe(true);
  expect(await unmount(`${directory}/target`, { detach: false })).toBe(false);
});

test('mounts below a directory go in the right order, used ones too', async () => {
  const tmpfs = { type: 'tmpfs', source: 'test', readonly: false } as const;
  await mount(tmpfs, directory);
  await mkdir(`${directory}/a b`);
  await mount(tmpfs, `${directory}/a b`);
  await mount(tmpfs, `${directory}/a b`);
  expect((await mountsBelow(directory)).map(({ target }) => target)).toEqual([
    directory,
    `${directory}/a b`,
    `${directory}/a b`,
  ]);
  const user = start('sleep', ['600'], { cwd: `${directory}/a b` });
  await expect(unmount(`${directory}/a b`, { detach: false })).rejects.toMatchObject({ code: 'BUSY' });
  await unmountAllBelow(directory, { detach: true });
  expect(await mountsBelow(directory)).toEqual([]);
  user.kill('SIGKILL');
  await user;
});

test('a file system that the kernel does not have is named', async () => {
  const unknown = { type: 'xfs-of-the-future' as 'xfs', source: '/dev/null', readonly: true };
  await expect(mount(unknown, directory)).rejects.toMatchObject({ code: 'HOST_MISSING' });
});
