/** The state may lie behind a link, as /var/lib/milliner does on a machine with a disk for it. */
import { mkdir, readlink, symlink } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Desk } from '../../helpers/milliner.ts';
import { leftovers } from '../../helpers/traces.ts';

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.open();
});
afterEach(async () => {
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

test.each(['state', 'state/within/it'])('a link to a directory: %s', async (name) => {
  await mkdir(desk.path('disk'));
  await symlink('disk', desk.state);
  const recipe = await desk.tiny('small', ['tiny-base', 'tiny-app']);
  expect(await desk.build(recipe, '--state', desk.path(name))).toMatchObject({ packages: 2 });
  expect(await readlink(desk.state)).toBe('disk');
});

test('a link that leads nowhere is an error that names it', async () => {
  await symlink('nowhere', desk.state);
  const recipe = await desk.tiny('small', ['tiny-base']);
  const { message } = await desk.fails(['build', recipe]);
  expect(message).toContain(desk.state);
});
