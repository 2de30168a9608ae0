/** From lock to lock, a package that has not changed stays in a layer that has not changed either. */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuildText } from '../../../spec/rpmbuild.ts';
import type { ImageLayer } from '../../../src/stages/image/image.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';

useOneProcess();

const epoch = 1_704_067_200;
const day = 86_400;
const sources = ['ascot', 'beret', 'cloche', 'derby', 'fedora', 'homburg', 'panama', 'stetson'];
/** Which are built again each night; nothing, all but one, and one that comes back are among them. */
const nights = [
  ['beret'],
  [],
  ['ascot', 'stetson'],
  ['ascot', 'beret', 'cloche', 'derby', 'fedora', 'homburg', 'panama'],
  ['fedora', 'panama', 'stetson'],
];
const layers = { max: 7 };

let desk: Desk;
let base: string;
let packages: string;
beforeAll(async () => {
  desk = await Desk.open();
  base = await desk.repository('base', ['tiny-base']);
  packages = desk.path('packages');
  await mkdir(packages);
  await writeFile(desk.path('noise'), noise(300_000));
});
afterAll(() => desk.remove());

/** What no compressor makes smaller. */
function noise(size: number): Buffer {
  const parts = Array.from({ length: Math.ceil(size / 32) }, (_, index) =>
    createHash('sha256').update(String(index)).digest(),
  );
  return Buffer.concat(parts).subarray(0, size);
}

function spec(name: string, night: number): string {
  const size = 1000 * 2 ** sources.indexOf(name);
  return [
    `Name: ${name}`,
    'Version: 1',
    `Release: ${night}`,
    'Summary: A hat',
    'License: Apache-2.0',
    'BuildArch: noarch',
    '%description',
    'It is worn.',
    '%install',
    `mkdir -p %{buildroot}/usr/share/${name}`,
    `head -c ${size} %{_sourcedir}/noise >%{buildroot}/usr/share/${name}/felt`,
    `echo ${night} >%{buildroot}/usr/share/${name}/ribbon`,
    '%files',
    `/usr/share/${name}`,
    '',
  ].join('\n');
}

async function rebuild(names: readonly string[], night: number): Promise<void> {
  for (const name of names) {
    const built = desk.path(`built-${name}-${night}`);
    const source = { sources: desk.directory, epoch: epoch + night * day };
    await withWorkPlace(() => rpmbuildText(name, spec(name, night), source, built));
    for (const file of await readdir(built)) await copyFile(join(built, file), join(packages, file));
  }
}

async function build(): Promise<ImageLayer[]> {
  const repos = [
    { name: 'tiny', baseurl: base, gpgcheck: false },
    { name: 'hats', baseurl: packages, gpgcheck: false },
  ];
  const recipe = await desk.recipe('image', { repos, packages: ['tiny-base', ...sources], layers });
  await desk.json(['lock', recipe]);
  await desk.build(recipe);
  return (await desk.json<{ layers: ImageLayer[] }>(['inspect', 'image'])).layers;
}

test('the layers that change are those of changed packages, and the rpm database', async () => {
  await rebuild(sources, 0);
  let before = await build();
  expect(before.length).toBeLessThanOrEqual(layers.max);
  for (const [index, names] of nights.entries()) {
    await rebuild(names, index + 1);
    const now = await build();
    const there = new Set(before.map(({ digest }) => digest));
    const changed = now.filter(({ digest }) => !there.has(digest)).map(({ holds }) => holds);
    const touched = before
      .map(({ holds }) => holds)
      .filter((holds) => holds.split(', ').some((name) => names.includes(name)));
    expect(changed, `night ${index + 1}`).toEqual(names.length > 0 ? [...touched, 'rpm database'] : []);
    before = now;
  }
});
