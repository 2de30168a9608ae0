/** Directories, links and files of a recipe in a tree on disk. */
import { lstat, mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { placeAll, type ToPlace } from '../../../src/stages/install/placing.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp('/var/tmp/milliner-placing-');
  await mkdir(join(root, 'etc'));
  await writeFile(join(root, 'etc/passwd'), 'app:x:77:78::/:\n');
  await writeFile(join(root, 'etc/group'), 'app:x:78:\n');
});
afterEach(() => rm(root, { recursive: true }));

const owner = 'root:root';
const place = (some: Partial<ToPlace>) =>
  placeAll(root, { directories: [], symlinks: [], files: [], ...some });

test('directories get their mode and owner, new or not; parents are made', async () => {
  await mkdir(join(root, 'there'), 0o755);
  const mode = '2750';
  await place({
    directories: ['/there', '/a/b'].map((path) => ({ path, mode, owner: 'app:app' })),
  });
  for (const name of ['there', 'a/b'])
    expect(await lstat(join(root, name))).toMatchObject({ mode: 0o042750, uid: 77, gid: 78 });
  expect(await lstat(join(root, 'a'))).toMatchObject({ mode: 0o040755, uid: 0 });
});

test('one place under two names is refused', async () => {
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  await symlink('usr/bin', join(root, 'bin'));
  const files = ['/usr/bin/x', '/bin/x'].map((path) => ({ path, content: path, mode: '0644', owner }));
  await expect(place({ files })).rejects.toMatchObject({ code: 'RECIPE_INVALID' });
});

test('links are made as they are said, and take the place of files and links', async () => {
  await writeFile(join(root, 'file'), '');
  await symlink('nowhere', join(root, 'link'));
  const targets = { '/file': '../up', '/link': '/absolute', '/new/deep': 'beside' };
  await place({
    symlinks: Object.entries(targets).map(([path, target]) => ({ path, target, owner: 'app:app' })),
  });
  for (const [path, target] of Object.entries(targets)) {
    expect(await readlink(join(root, path))).toBe(target);
    expect(await lstat(join(root, path))).toMatchObject({ uid: 77, gid: 78 });
  }
});

test("a file lies in the recipe's directory and behind its link, never on the host", async () => {
  await place({
    directories: [{ path: '/data', mode: '0700', owner }],
    symlinks: [{ path: '/link', target: '/../../data', owner }],
    files: [{ path: '/link/file', content: 'words', mode: '0600', owner }],
  });
  expect(await readFile(join(root, 'data/file'), 'utf8')).toBe('words');
});

test.each<[string, Partial<ToPlace>]>([
  ['directories: /etc/passwd', { directories: [{ path: '/etc/passwd', mode: '0755', owner }] }],
  ['directories: /etc/passwd/a', { directories: [{ path: '/etc/passwd/a', mode: '0755', owner }] }],
  ['symlinks: /etc', { symlinks: [{ path: '/etc', target: 'a', owner }] }],
  ['files: /etc', { files: [{ path: '/etc', content: '', mode: '0644', owner }] }],
])('%s: what is in the way is an error by path', async (words, some) => {
  await expect(place(some)).rejects.toMatchObject({
    code: 'RECIPE_INVALID',
    message: expect.stringContaining(`${words}: `) as string,
  });
});

test('an owner whom the image has not', async () => {
  const symlinks = [{ path: '/a', target: 'b', owner: 'nobody-here:root' }];
  await expect(place({ symlinks })).rejects.toMatchObject({ code: 'OWNER_UNKNOWN' });
});
