/** What has changed from one image to the next: packages with their changelogs, files, layers. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuildText } from '../../../spec/rpmbuild.ts';
import type { ImageDiff } from '../../../src/pipeline/report/image-diff.ts';
import { Desk, type BuildAnswer } from '../../helpers/milliner.ts';

const day = 86_400;
const epoch = 1_704_067_200;

/** Entries newest first, as rpm wants them. */
function spec(version: number): string {
  const entries = Array.from({ length: version }, (_, index) => version - index).map((one) => {
    const date = new Date((epoch + one * day) * 1000).toUTCString();
    const [, weekday, dayOfMonth, month, year] = /^(\w+), (\d+) (\w+) (\d+)/.exec(date)!;
    return `* ${weekday} ${month} ${dayOfMonth} ${year} Hatter <hatter@milliner.invalid> - ${one}-1\n- Change ${one}`;
  });
  return [
    'Name: hat',
    `Version: ${version}`,
    'Release: 1',
    'Summary: A hat',
    'License: Apache-2.0',
    'BuildArch: noarch',
    '%description',
    'It changes.',
    '%install',
    'mkdir -p %{buildroot}/usr/share/hat',
    `echo ${version} >%{buildroot}/usr/share/hat/version`,
    'echo same >%{buildroot}/usr/share/hat/same',
    `touch -d @${epoch} %{buildroot}/usr/share/hat/same`,
    `: >%{buildroot}/usr/share/hat/only-in-${version}`,
    '%files',
    '/usr/share/hat',
    '%changelog',
    ...entries,
    '',
  ].join('\n');
}

let desk: Desk;
let before: BuildAnswer;
beforeAll(async () => {
  desk = await Desk.open();
});
afterAll(() => desk.remove());

async function build(version: number, packages: string[]): Promise<BuildAnswer> {
  const baseurl = await desk.repository(`packages-${version}`, ['tiny-base', 'tiny-app', 'tiny-extra']);
  const hats = desk.path(`hat-${version}`);
  await withWorkPlace(() =>
    rpmbuildText('hat', spec(version), { sources: desk.directory, epoch: epoch + version * day }, hats),
  );
  const repos = [
    { name: 'tiny', baseurl, gpgcheck: false },
    { name: 'hat', baseurl: hats, gpgcheck: false },
  ];
  const recipe = await desk.recipe('image', { repos, packages });
  await desk.json(['lock', recipe]);
  return desk.build(recipe);
}

test('packages, changelog entries, files, layers and bytes, by the digests of both', async () => {
  before = await build(1, ['tiny-base', 'tiny-app', 'hat']);
  const now = await build(3, ['tiny-base', 'tiny-extra', 'hat']);
  const diff = await desk.json<ImageDiff>(['diff', before.manifestDigest, 'image']);
  expect(diff.images).toEqual([before.manifestDigest, now.manifestDigest]);
  const [update] = diff.packages.updated;
  expect(diff.packages).toMatchObject({
    removed: [],
    updated: [{ from: 'hat-1-1.noarch', to: 'hat-3-1.noarch' }],
  });
  expect(diff.packages.added).toEqual([expect.stringContaining('tiny-extra-') as string]);
  expect(update!.changelog!.map(({ text }) => text)).toEqual(['- Change 3', '- Change 2']);
  expect(diff.files.added).toContain('/usr/share/hat/only-in-3');
  expect(diff.files.removed).toEqual(['/usr/share/hat/only-in-1']);
  expect(diff.files.changed).toContainEqual({ path: '/usr/share/hat/version', what: 'content' });
  expect(diff.files.changed.map(({ path }) => path)).not.toContain('/usr/share/hat/same');
  const held = new Set(before.layers.map(({ digest }) => digest));
  const fresh = now.layers.filter(({ digest }) => !held.has(digest));
  expect(diff.layers.new.map(({ digest }) => digest)).toEqual(fresh.map(({ digest }) => digest));
  expect(diff.layers.reused).toBe(now.layers.length - fresh.length);
  expect(diff.downloadSize).toBe(fresh.reduce((sum, { size }) => sum + size, 0));
});

test('an image and itself have no difference; an unknown one is named', async () => {
  const same = await desk.json<ImageDiff>(['diff', 'image', 'image']);
  expect(same).toMatchObject({ packages: { added: [], removed: [], updated: [] }, downloadSize: 0 });
  const { code, stderr } = await desk.run(['diff', 'image', 'sha256:00000000']);
  expect(code).toBe(3);
  expect(stderr).toContain('IMAGE_NOT_FOUND');
});

test('what gc has removed the tree of is no longer known', async () => {
  await desk.json(['gc', '--keep-days', '0', '--keep-generations', '1']);
  const { stderr } = await desk.run(['diff', before.manifestDigest, 'image']);
  expect(stderr).toContain('IMAGE_NOT_FOUND');
});
