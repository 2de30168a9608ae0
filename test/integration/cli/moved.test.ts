/** A lock outlives the place that its packages were found at: another directory, another mirror. */
import { createReadStream } from 'node:fs';
import { rename, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Desk } from '../../helpers/milliner.ts';
import { createRepository } from '../../helpers/repo/edit-primary.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { leftovers } from '../../helpers/traces.ts';

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.open();
});
afterEach(async () => {
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

/** Locking has fetched them. */
const forgetPackages = () => desk.json(['gc', '--keep-days', '0']);

/** Serves a directory under any first component of the path, each of them a mirror; gives the URL. */
async function serve(directory: string, isDown: (mirror: string) => boolean) {
  const server = createServer((request, response) => {
    const [, mirror = '', ...rest] = (request.url ?? '').split('/');
    const file = join(directory, decodeURIComponent(rest.join('/')));
    stat(file).then(
      () => (isDown(mirror) ? response.writeHead(404).end() : createReadStream(file).pipe(response)),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

test.each([true, false])(
  'a directory that was moved, the recipe with it (repodata: %s)',
  async (hasMetadata) => {
    const keys = [(await tinyPackages()).key];
    const before = await desk.repository('before', ['tiny-base']);
    if (hasMetadata) await createRepository(before);
    const write = (baseurl: string) =>
      desk.recipe('moved', { repos: [{ name: 'tiny', baseurl, keys }], packages: ['tiny-base'] });
    const recipe = await write(before);
    await desk.run(['lock', recipe]);
    await forgetPackages();
    const after = desk.path('after');
    await rename(before, after);
    expect(await desk.fails(['build', recipe])).toMatchObject({ code: 'REPO_UNAVAILABLE', exit: 4 });
    await desk.build(await write(after));
  },
);

test('a mirror that has gone since the lock was made', async () => {
  const keys = [(await tinyPackages()).key];
  const directory = await desk.repository('served', ['tiny-base', 'tiny-app']);
  await createRepository(directory);
  const down = new Set<string>();
  await using server = await serve(directory, (mirror) => down.has(mirror));
  await writeFile(
    join(directory, 'mirrors'),
    ['first', 'second'].map((name) => `${server.url}/${name}/\n`).join(''),
  );
  const repos = [{ name: 'tiny', mirrorlist: `${server.url}/list/mirrors`, keys }];
  const recipe = await desk.recipe('mirrored', { repos, packages: ['tiny-app'] });
  await desk.run(['lock', recipe]);
  await forgetPackages();
  down.add('first');
  await desk.build(recipe);
  expect(await desk.json(['inspect', 'mirrored'])).toMatchObject({ name: 'mirrored' });
});
