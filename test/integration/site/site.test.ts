/** A site of a state: its files, where it may be written, and that its bytes depend on the state alone. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeSite } from '../../../src/site/write-site.ts';
import { fillState, nameOf, siteOf, small, stateOnly } from '../../helpers/site-state.ts';

let directory: string;
let state: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-site-'));
  state = join(directory, 'state');
  await fillState(state, small);
});
afterAll(() => rm(directory, { recursive: true }));

const write = (out: string) => writeSite(stateOnly(state), { out, advisories: false, recipes: [] });

async function filesOf(site: string): Promise<Map<string, string>> {
  const found = await readdir(site, { recursive: true, withFileTypes: true });
  const paths = found.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  const digests = paths.toSorted().map(async (path) => {
    const digest = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    return [path.slice(site.length + 1), digest] as const;
  });
  return new Map(await Promise.all(digests));
}

test('has a page for each image, night and group of packages, and tells how many', async () => {
  const site = siteOf(directory);
  const report = await write(site);
  const files = await filesOf(site);
  expect(report).toMatchObject({
    path: site,
    files: files.size,
    images: 14,
    tags: 14,
    nights: 9,
    problems: [],
  });
  for (let index = 0; index < small.images; index++)
    expect(files.has(`images/${nameOf(index)}.x86_64.html`)).toBe(true);
  expect([...files.keys()].filter((path) => path.startsWith('nights/'))).toHaveLength(small.nights);
});

test('is the same for the same state, in whatever place', async () => {
  const [one, other] = [join(directory, 'one'), join(directory, 'deep/er')];
  await write(one);
  await write(other);
  expect(await filesOf(other)).toEqual(await filesOf(one));
});

test('replaces a site as a whole: what is stale is gone, and nothing lies beside it', async () => {
  const site = join(directory, 'again/site');
  await write(site);
  await writeFile(join(site, 'images/gone.x86_64.html'), 'stale');
  await write(site);
  expect((await filesOf(site)).has('images/gone.x86_64.html')).toBe(false);
  expect(await readdir(join(directory, 'again'))).toEqual(['.site.lock', 'site']);
});

test('a directory of others is refused and stays as it is', async () => {
  const place = join(directory, 'others');
  await mkdir(place);
  await writeFile(join(place, 'thesis.tex'), 'of years');
  const file = join(place, 'thesis.tex');
  for (const out of [place, file])
    await expect(write(out)).rejects.toMatchObject({ code: 'OUTPUT_UNUSABLE' });
  expect(await readdir(place)).toEqual(['thesis.tex']);
});

test('a run that is stopped leaves the former site, and nothing of its own', async () => {
  const site = join(directory, 'stopped/site');
  await write(site);
  const before = await filesOf(site);
  const context = { ...stateOnly(state), signal: AbortSignal.abort(new Error('stopped')) };
  await expect(writeSite(context, { out: site, advisories: false, recipes: [] })).rejects.toThrow();
  expect(await filesOf(site)).toEqual(before);
  expect(await readdir(join(directory, 'stopped'))).toEqual(['.site.lock', 'site']);
});

test('a run that was killed between the two names costs no site', async () => {
  const site = join(directory, 'killed/site');
  await write(site);
  const before = await filesOf(site);
  await rename(site, join(directory, 'killed/.site.old'));
  const context = { ...stateOnly(state), signal: AbortSignal.abort(new Error('stopped')) };
  await expect(writeSite(context, { out: site, advisories: false, recipes: [] })).rejects.toThrow();
  expect(await filesOf(site)).toEqual(before);
});

test('an empty state makes a site, too', async () => {
  const empty = join(directory, 'empty');
  await mkdir(empty);
  const report = await writeSite(stateOnly(empty), {
    out: join(directory, 'of-nothing'),
    advisories: false,
    recipes: [],
  });
  expect(report).toMatchObject({ images: 0, tags: 0, nights: 0 });
});
