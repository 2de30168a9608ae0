/** A site of images that were really built, booted and published: what a registry and repositories add to it. */
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import type { SiteReport } from '../../../src/site/write-site.ts';
import { addUpdateinfo } from '../../helpers/add-updateinfo.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import type { BuildAnswer } from '../../helpers/milliner.ts';
import { Bench } from '../../helpers/publish-fixture.ts';

useOneProcess();

let bench: Bench;
let hat: BuildAnswer;
let site: string;
beforeAll(async () => {
  bench = await Bench.open();
  site = bench.desk.path('site');
  hat = await bench.booted('hat', ['tiny-base']);
  await bench.booted('cap', ['tiny-app'], { from: 'hat' });
  for (const name of ['hat', 'cap']) await bench.publish(name, referenceOf(name));
});
afterAll(() => bench.close());

const referenceOf = (name: string) => `${bench.server.host}/${name}:1`;
const write = (...flags: string[]) => bench.run<SiteReport>(['site', '--out', site, ...flags]);
const page = (name: string) => readFile(`${site}/${name}.html`, 'utf8');
const imagePage = async (name: string) => {
  const [file] = (await readdir(`${site}/images`)).filter((one) => one.startsWith(`${name}.`));
  return readFile(`${site}/images/${file}`, 'utf8');
};

test('the state alone tells images, verdicts, layers and what was published', async () => {
  expect(await write()).toMatchObject({ images: 2, tags: 2, problems: [] });
  const text = await imagePage('cap');
  for (const { digest } of hat.layers) expect(text).toContain(digest.slice(7, 19));
  for (const words of ['tiny-app', 'tiny-base', referenceOf('cap')]) expect(text).toContain(words);
  expect(await page('tags')).not.toContain('class="status ok"');
});

test('with the key each tag has its moves, verified', async () => {
  await bench.run(['hold', referenceOf('hat'), '--key', bench.key, '--reason', 'a freeze of felt']);
  expect(await write('--key', bench.publicKey)).toMatchObject({ tags: 2, problems: [] });
  const text = await page('tags');
  for (const words of ['class="status ok"', 'a freeze of felt', hat.manifestDigest.slice(7, 19)])
    expect(text).toContain(words);
});

test('a history of another key, and a registry that does not answer, are told as such', async () => {
  await bench.makeKey('other');
  const { problems } = await write('--key', bench.desk.path('other.pub'));
  expect(problems.map(({ code }) => code)).toEqual(['HISTORY_MISSING', 'HISTORY_MISSING']);
  expect(await page('tags')).toContain('HISTORY_MISSING');
});

test('a key that is none, and a key where no server may be asked, are refused before anything is written', async () => {
  const before = await readdir(site, { recursive: true });
  const flags = ['site', '--out', site];
  expect(await bench.fails([...flags, '--key', bench.desk.path('recipes/hat.yaml')])).toMatchObject({
    code: 'KEY_FILE_INVALID',
  });
  expect(await bench.fails([...flags, '--key', bench.publicKey, '--offline'])).toMatchObject({
    code: 'USAGE',
  });
  expect(await readdir(site, { recursive: true })).toEqual(before);
});

test('advisories come from the repositories of the recipes; those that publish none are named', async () => {
  await write('--advisories');
  expect(await imagePage('hat')).toContain('no advisories are published there');
  expect(await page('images')).toContain('<td>not known</td>');
  expect(await page('images')).not.toContain('<td>none</td>');
  const repository = bench.desk.path('packages-hat');
  const [file = ''] = (await readdir(repository)).filter((name) => name.endsWith('.rpm'));
  await run('createrepo_c', ['--quiet', repository]);
  const newer = file.replace('.rpm', '').replace('-1.0-', '-1.1-');
  const advisory = {
    id: 'A-1',
    type: 'security',
    severity: 'Critical',
    bug: 'CVE-2026-1234',
    packages: [newer],
  };
  await addUpdateinfo(repository, [advisory]);
  await write('--advisories');
  expect(await imagePage('hat')).toContain('CVE-2026-1234');
  expect(await page('index')).toContain('A-1');
  const online = await page('advisories');
  await write('--advisories', '--offline');
  expect(await page('advisories')).toBe(online);
});
