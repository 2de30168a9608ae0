/** Levels of x86_64: packages of the level before the family's, in an image that says whom it is for. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostArches } from '../../../src/lib/host/arch.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { fileType } from '../../../src/lib/rpm/file-list.ts';
import { Desk } from '../../helpers/milliner.ts';
import { indexOf, layersOf, listTars } from '../../helpers/oci-layout.ts';
import { composePackage } from '../../helpers/rpm/compose.ts';

let desk: Desk;
let repository: string;
beforeAll(async () => {
  desk = await Desk.open();
  repository = desk.path('levels');
  // As AlmaLinux has it, a level's repository is a directory of its own; this one has them all.
  for (const level of ['x86_64', 'x86_64_v2', 'x86_64_v3']) {
    const place = join(repository, level);
    await mkdir(place, { recursive: true });
    const upTo = ['noarch', 'x86_64', 'x86_64_v2', 'x86_64_v3'];
    for (const arch of upTo.slice(0, upTo.indexOf(level) + 1))
      for (const name of [`only-${arch}`.toLowerCase(), ...(arch === 'noarch' ? [] : ['library'])])
        await writeFile(join(place, `${name}-1-1.${arch}.rpm`), packageOf(name, arch));
    await run('createrepo_c', ['--quiet', '--compress-type=gz', place]);
  }
});
afterAll(() => desk.remove());

function packageOf(name: string, arch: string): Buffer {
  const file = {
    path: `/usr/share/${name}`,
    mode: fileType.regular | 0o644,
    user: 'root',
    group: 'root',
    content: arch,
    mtime: 1,
    flags: 0,
    capabilities: '',
  };
  const nothing = { scriptlets: [], requires: [], obsoletes: [], epoch: 1_704_067_200 };
  return composePackage({ name, version: '1', arch, files: [file], ...nothing });
}

const recipeOf = (name: string, arches: string[], packages: string[]) =>
  desk.recipe(name, {
    arches,
    repos: [{ name: 'levels', baseurl: `${repository}/$basearch`, gpgcheck: false }],
    tools: 'host',
    packages,
  });

interface Config {
  architecture: string;
  variant?: string;
}

async function configOf(layout: string, tag: string): Promise<Config> {
  const blob = async <T>(digest: string) =>
    JSON.parse(await readFile(join(layout, 'blobs', digest.replace(':', '/')), 'utf8')) as T;
  const image = (await indexOf(layout)).find(
    ({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === tag,
  );
  const { config } = await blob<{ config: { digest: string } }>(image!.digest);
  return blob(config.digest);
}

test('x86_64_v2: its own packages, those of the family where it has none, and amd64 of the variant v2', async () => {
  const names = ['library', 'only-x86_64', 'only-x86_64_v2', 'only-noarch'];
  const recipe = await recipeOf('second', ['x86_64_v2'], names);
  await desk.build(recipe, '--output', desk.path('layout'));
  expect(await configOf(desk.path('layout'), 'second')).toMatchObject({
    architecture: 'amd64',
    variant: 'v2',
  });
  const tars = await layersOf(desk.path('layout'), 'second');
  expect(listTars(tars)).toContain('usr/share/only-x86_64_v2\n');
  const { packages, arch } = await desk.json<{ packages: string[]; arch: string }>(['inspect', 'second']);
  expect(arch).toBe('x86_64_v2');
  expect(packages.toSorted()).toEqual([
    'library-1-1.x86_64_v2',
    'only-noarch-1-1.noarch',
    'only-x86_64-1-1.x86_64',
    'only-x86_64_v2-1-1.x86_64_v2',
  ]);
});

test('several in one recipe: the host has its own unless it is asked for another', async () => {
  const recipe = await recipeOf('both', ['x86_64_v3', 'x86_64', 'x86_64_v2'], ['library']);
  const layout = desk.path('levels-of-both');
  await desk.build(recipe, '--output', layout);
  expect((await configOf(layout, 'both')).variant).toBe(undefined);
  for (const [arch, variant] of [
    ['x86_64_v2', 'v2'],
    ['x86_64', undefined],
  ] as const) {
    await desk.build(recipe, '--output', layout, '--arch', arch);
    expect((await configOf(layout, 'both')).variant).toBe(variant);
  }
});

test('a level above what is asked for is of another architecture', async () => {
  const recipe = await recipeOf('above', ['x86_64_v2'], ['only-x86_64_v3']);
  const { code, message } = await desk.fails(['lock', recipe]);
  expect(code).toBe('SOLVE_FAILED');
  expect(message).toContain('only-x86_64_v3');
});

test('what the host does not run is refused before anything is done', async () => {
  expect(hostArches()).not.toContain('aarch64');
  const recipe = await recipeOf('elsewhere', ['aarch64'], ['library']);
  expect(await desk.fails(['build', recipe, '--arch', 'aarch64'])).toMatchObject({ code: 'HOST_MISSING' });
});
