/** A state that others can write to, or could have made, is neither used nor believed. */
import { chmod, chown, lchown, mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { leftovers } from '../../helpers/traces.ts';

useOneProcess();

const somebody = 4242;
let desk: Desk;
beforeEach(async () => {
  desk = await Desk.open();
});
afterEach(async () => {
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

const owned = async (path: string, uid: number, mode: number) => {
  await mkdir(path, { recursive: true });
  await chmod(path, mode);
  await chown(path, uid, uid);
};

test.each<[string, () => Promise<string>, string]>([
  ['0777', () => Promise.resolve('state'), 'state'],
  [
    '0777 and sticky',
    async () => {
      await owned(desk.path('state'), 0, 0o1777);
      return 'state';
    },
    'state',
  ],
  [
    "a group's",
    async () => {
      await owned(desk.path('state'), 0, 0o770);
      return 'state';
    },
    'state',
  ],
  [
    "somebody's, private",
    async () => {
      await owned(desk.path('state'), somebody, 0o700);
      return 'state';
    },
    'state',
  ],
  [
    'an ACL for somebody',
    async () => {
      await owned(desk.path('state'), 0, 0o700);
      await run('setfacl', ['-m', `u:${somebody}:rwx`, desk.path('state')]);
      return 'state';
    },
    'state',
  ],
  [
    "below somebody's",
    async () => {
      await owned(desk.path('theirs'), somebody, 0o755);
      await owned(desk.path('theirs/state'), 0, 0o700);
      return 'theirs/state';
    },
    'theirs',
  ],
  [
    'not there yet, below what all can write to',
    async () => {
      await owned(desk.path('all'), 0, 0o777);
      return 'all/deep/state';
    },
    'all',
  ],
  [
    "behind a link, somebody's",
    async () => {
      await owned(desk.path('there'), somebody, 0o700);
      await symlink('there', desk.path('state'));
      return 'state';
    },
    'there',
  ],
])('%s', async (what, make, fault) => {
  if (what === '0777') await owned(desk.path('state'), 0, 0o777);
  const state = desk.path(await make());
  const recipe = await desk.tiny('small', ['tiny-base']);
  for (const words of [
    ['build', recipe],
    ['gc'],
    ['inspect', 'small'],
    ['ps'],
    ['verify', 'a.invalid/b:c', '--key', recipe],
  ]) {
    expect(await desk.fails([...words, '--state', state]), words[0]).toMatchObject({
      code: 'PLACE_UNSAFE',
      exit: 8,
      details: { path: desk.path(fault) },
    });
  }
  expect(await readdir(state).catch(() => [])).toEqual([]);
});

test.each(['images', 'locks', 'work', 'queue', 'snapshots', 'blobs'])(
  "what others have left in a state that is root's now: %s",
  async (name) => {
    const state = desk.path('state');
    await owned(state, 0, 0o755);
    await owned(join(state, name), somebody, 0o755);
    const answer = { code: 'PLACE_UNSAFE', details: { path: join(state, name) } };
    expect(await desk.fails(['gc'])).toMatchObject(answer);
    await owned(join(state, name), 0, 0o777);
    expect(await desk.fails(['gc'])).toMatchObject(answer);
    await rm(join(state, name), { recursive: true });
    await symlink(desk.path('recipes'), join(state, name));
    await lchown(join(state, name), somebody, somebody);
    expect(await desk.fails(['gc'])).toMatchObject(answer);
  },
);

test("root's own, however it came to be, and parents like /tmp are used", async () => {
  await owned(desk.path('tmp'), 0, 0o1777);
  await desk.json(['gc', '--state', desk.path('tmp/deep/state')]);
  expect((await stat(desk.path('tmp/deep/state'))).mode & 0o777).toBe(0o700);
  await owned(desk.path('admin'), 0, 0o755);
  await mkdir(desk.path('disk'));
  await symlink(desk.path('disk'), desk.path('admin/blobs'));
  await desk.json(['gc', '--state', desk.path('admin')]);
});

test('whoever called sudo is trusted', async () => {
  await owned(desk.path('home'), somebody, 0o755);
  const args = ['gc', '--state', desk.path('home/state')];
  expect(await desk.run(args, { env: { SUDO_UID: String(somebody) } })).toMatchObject({ code: 0 });
  expect(await desk.run(args, { env: { SUDO_UID: '4243' } })).toMatchObject({ code: 8 });
});

test('where no directory can be made, the command ends', async () => {
  await writeFile(desk.path('file'), '');
  for (const state of ['/proc/none/state', '/sys/none/state', desk.path('file/state')])
    expect(await desk.fails(['gc', '--state', state])).toMatchObject({ code: 'STATE_INVALID', exit: 9 });
});
