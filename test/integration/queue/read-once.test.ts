/** What release has checked is what it queues, whatever becomes of the files in between. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readLock, sealLock, type Lock } from '../../../src/stages/lock/lock-file.ts';
import type { ReleaseStatus } from '../../../src/queue/status.ts';
import type { BuildAnswer } from '../../helpers/milliner.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { Workshop, type Circumstances } from './queue-fixture.ts';

let workshop: Workshop;
let base: string;
let top: string;
let built: BuildAnswer;
/** What release reads, each with what somebody makes of it. */
let edits: Record<string, { path: string; edited: string }>;

beforeAll(async () => {
  workshop = await Workshop.open();
  const { desk } = workshop.bench;
  for (const folder of ['templates', 'edited', 'bin']) await mkdir(desk.path(folder));
  const baseurl = await desk.repository('packages', ['tiny-base', 'tiny-app']);
  await cp((await tinyPackages()).key, desk.path('recipes/tiny.asc'));
  const repositories = (more = {}) =>
    stringify({ repos: [{ name: 'tiny', baseurl, keys: ['tiny.asc'], ...more }] });
  await writeFile(desk.path('recipes/repos.yaml'), repositories());
  await writeFile(desk.path('templates/hat.hbs'), 'hat={{hat}}\n');
  const recipe = { repos: ['tiny'], values: { hat: 'felt' }, ...runsToItsEnd };
  base = await desk.recipe('base', { ...recipe, packages: ['tiny-base'] });
  const files = [{ template: 'hat.hbs', path: '/etc/hat' }];
  top = await desk.recipe('top', { ...recipe, from: 'base', packages: ['tiny-app'], files });
  built = await desk.build(top);
  const edit = async (name: string, change: (text: string) => string) => {
    const path = desk.path(name);
    const edited = desk.path('edited', basename(name));
    await writeFile(edited, change(await readFile(path, 'utf8')));
    return { path, edited };
  };
  const otherHat = (text: string) => text.replace('felt', 'straw');
  const later = (text: string) => {
    const { digest: _digest, ...lock } = JSON.parse(text) as Lock;
    return JSON.stringify(sealLock({ ...lock, epoch: lock.epoch + 1 }));
  };
  edits = {
    recipe: await edit('recipes/top.yaml', otherHat),
    base: await edit('recipes/base.yaml', otherHat),
    lock: await edit('recipes/top.lock.json', later),
    'lock of the base': await edit('recipes/base.lock.json', later),
    template: await edit('templates/hat.hbs', (text) => text.replace('hat', 'cap')),
    key: await edit('recipes/tiny.asc', (text) => `a comment\n${text}`),
    repositories: await edit('recipes/repos.yaml', () => repositories({ cost: 7 })),
  };
});
afterAll(() => workshop.close());

/** Every look for credentials runs the helper, as the one for the place to publish to, behind the check. */
async function editing(names: string[], place: Circumstances): Promise<Circumstances> {
  const { desk, server } = workshop.bench;
  const copies = names.map((name) => `cp ${edits[name]!.edited} ${edits[name]!.path}`);
  const script = ['#!/bin/sh', 'cat > /dev/null', ...copies, 'echo credentials not found', 'exit 1'];
  await writeFile(desk.path('bin/docker-credential-editing'), `${script.join('\n')}\n`, { mode: 0o755 });
  await writeFile(desk.path('auth.json'), JSON.stringify({ credHelpers: { [server.host]: 'editing' } }));
  const env = {
    PATH: `${desk.path('bin')}:${process.env['PATH']}`,
    REGISTRY_AUTH_FILE: desk.path('auth.json'),
  };
  return { ...place, env };
}

/** Runs fn, and puts all files back. */
async function mended<T>(fn: () => Promise<T>): Promise<T> {
  const kept = await Promise.all(Object.values(edits).map(({ path }) => readFile(path)));
  try {
    return await fn();
  } finally {
    await Promise.all(Object.values(edits).map(({ path }, index) => writeFile(path, kept[index]!)));
  }
}

test.each(['recipe', 'base', 'lock', 'lock of the base', 'template', 'key', 'repositories'])(
  '%s: edited behind the check, it is the same release still; edited before, another',
  async (name) => {
    const place = { state: workshop.bench.desk.path('state-queued') };
    const to = `${workshop.bench.server.host}/queued-${name.replaceAll(' ', '-')}/{{name}}:1`;
    const first = await workshop.queue([base, top], to, place);
    await mended(async () => {
      const { path, edited } = edits[name]!;
      expect(await workshop.queue([base, top], to, await editing([name], place))).toEqual(first);
      expect(await readFile(path)).toEqual(await readFile(edited));
      expect(await workshop.queue([base, top], to, place)).not.toEqual(first);
    });
  },
);

test('what is released is what was checked, where all of it is edited before it is queued', async () => {
  const place = { state: workshop.bench.desk.path('state-released') };
  const to = `${workshop.bench.server.host}/released/{{name}}:1`;
  await mended(async () => {
    const args = workshop.releasing([base, top], to);
    const all = await editing(Object.keys(edits), place);
    const { releases } = await workshop.json<{ releases: ReleaseStatus[] }>(args, all);
    expect(releases.map(({ state }) => state)).toEqual(['released', 'released']);
    const { manifestDigest, lockDigest } = built;
    expect(releases[1]!.report!.images).toMatchObject([{ manifestDigest }]);
    expect((await readLock(join(workshop.bench.desk.recipes, 'top.lock.json')))!.digest).not.toBe(lockDigest);
  });
});
