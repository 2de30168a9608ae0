import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { completeReference, placesOf } from './pull-sources.ts';
import { parseReference } from './reference.ts';
import { readRegistriesConf } from './registries-conf.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'registries-'));
});
afterAll(() => rm(directory, { recursive: true }));

let count = 0;
async function confOf(text: string, dropIns: Record<string, string> = {}) {
  const home = join(directory, String(++count));
  const place = join(home, '.config/containers');
  await mkdir(join(place, 'registries.conf.d'), { recursive: true });
  await writeFile(join(place, 'registries.conf'), text);
  for (const [name, words] of Object.entries(dropIns))
    await writeFile(join(place, 'registries.conf.d', name), words);
  return readRegistriesConf({ HOME: home });
}

const conf = `
unqualified-search-registries = ["registry.example.com"]

[[registry]]
location = "registry.example.com"
[[registry.mirror]]
location = "mirror.example.org/copies"
insecure = true
[[registry.mirror]]
location = "digests.example.org"
pull-from-mirror = "digest-only"

[[registry]]
prefix = "registry.example.com/team"
location = "internal.example.com/group"

[[registry]]
prefix = "*.example.net"
blocked = true

[aliases]
"hat" = "registry.example.com/felt/hat"
`;

const digest = `sha256:${'0'.repeat(64)}`;

async function shownPlaces(text: string) {
  return placesOf(parseReference(text), await confOf(conf)).map(
    ({ registry, repository, insecure }) => `${registry}/${repository}${insecure ? ' insecure' : ''}`,
  );
}

test.each([
  ['other.example.com/hat:1', ['other.example.com/hat']],
  ['registry.example.com/hat:1', ['mirror.example.org/copies/hat insecure', 'registry.example.com/hat']],
  [
    `registry.example.com/hat@${digest}`,
    ['mirror.example.org/copies/hat insecure', 'digests.example.org/hat', 'registry.example.com/hat'],
  ],
  ['registry.example.com/team/hat:1', ['internal.example.com/group/hat']],
  // A name without a tag is one by its tag.
  ['registry.example.com/hat', ['mirror.example.org/copies/hat insecure', 'registry.example.com/hat']],
  // The rule of a part is no rule of what only begins like it.
  [
    'registry.example.com/teams/hat:1',
    ['mirror.example.org/copies/teams/hat insecure', 'registry.example.com/teams/hat'],
  ],
])('%s', async (text, places) => {
  expect(await shownPlaces(text)).toEqual(places);
});

test('what is blocked is read from nowhere', async () => {
  await expect(shownPlaces('a.example.net/hat:1')).rejects.toMatchObject({ code: 'REGISTRY_BLOCKED' });
  await expect(shownPlaces('a.example.net:5000/hat:1')).rejects.toMatchObject({ code: 'REGISTRY_BLOCKED' });
  expect(await shownPlaces('example.net/hat:1')).toEqual(['example.net/hat']);
});

test.each([
  ['hat', 'registry.example.com/felt/hat'],
  ['hat:2', 'registry.example.com/felt/hat:2'],
  [`hat@${digest}`, `registry.example.com/felt/hat@${digest}`],
  ['felt/cap:1', 'registry.example.com/felt/cap:1'],
  ['quay.io/felt/cap:1', 'quay.io/felt/cap:1'],
  ['localhost/cap:1', 'localhost/cap:1'],
  ['localhost:5000/cap', 'localhost:5000/cap'],
])('%s stands for %s', async (text, full) => {
  expect(completeReference(text, await confOf(conf))).toBe(full);
});

test('a name that could be of several registries, or of none, is of none', async () => {
  for (const search of ['[]', '["a.example.com", "b.example.com"]']) {
    const several = await confOf(`unqualified-search-registries = ${search}`);
    expect(() => completeReference('hat', several)).toThrow(
      expect.objectContaining({ code: 'REFERENCE_INVALID' }),
    );
  }
});

test('a drop-in takes the place of the same before', async () => {
  const found = await confOf(conf, {
    '1.conf': '[[registry]]\nlocation = "registry.example.com"\nblocked = true',
    '2.conf': '[aliases]\nhat = "quay.io/straw/hat"',
    'ignored.txt': 'x =',
  });
  expect(() => placesOf(parseReference('registry.example.com/hat'), found)).toThrow(
    expect.objectContaining({ code: 'REGISTRY_BLOCKED' }),
  );
  expect(completeReference('hat', found)).toBe('quay.io/straw/hat');
  const without = await confOf(conf, { '3.conf': '[aliases]\nhat = ""' });
  expect(completeReference('hat', without)).toBe('registry.example.com/hat');
});

test('a rule for one tag is for no other', async () => {
  const found = await confOf('[[registry]]\nprefix = "r.example/hat:1"\nlocation = "other.example/cap:2"');
  const shown = (text: string) => placesOf(parseReference(text), found).map(({ registry }) => registry);
  expect([shown('r.example/hat:1'), shown('r.example/hat:10')]).toEqual([['other.example'], ['r.example']]);
});

test.each([
  'x =',
  '[registries.search]\nregistries = ["a"]',
  '[[registry]]\nblocked = "no"',
  '[[registry]]\nblocked = true',
])('what cannot be read is told: %s', async (text) => {
  await expect(confOf(text)).rejects.toMatchObject({ code: 'REGISTRIES_INVALID' });
});
