/** Which advisories concern an installation: the same that dnf names, in universes made at random. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { nevraText, readPackage, type Nevra } from '../../../src/lib/rpm/package.ts';
import { AdvisoryFilter } from '../../../src/stages/repo/applicable-advisories.ts';
import { readUpdateinfo, type Advisory } from '../../../src/stages/repo/updateinfo.ts';
import { repositoryOf, type Sample } from '../../helpers/solve/packages.ts';

const universes = process.env['MILLINER_SOAK'] ? 200 : 12;

/** What compares otherwise than it looks. No two differ in the epoch alone: rpm takes those for the same package. */
const versions = ['1', '1.0', '1.10', '1.9', '2~rc1', '2', '2^git1', '1:0.5', '1:0.10'];
const names = ['tool', 'lib', 'kernel'];
const arches = ['x86_64', 'i686', 'noarch'];
const samples: Sample[] = names.flatMap((name) =>
  arches.flatMap((arch) =>
    versions.map((evr) => {
      const [version = '', epoch] = evr.split(':').toReversed();
      return { name, arch, version, ...(epoch !== undefined && { Epoch: epoch }) };
    }),
  ),
);

const named = fc.record({
  name: fc.constantFrom(...names, ...names, 'absent'),
  version: fc.constantFrom(...versions),
  release: fc.constantFrom('1', '0', '1.fc43'),
  arch: fc.constantFrom(...arches, ...arches, 'src'),
  // Zero, empty and absent are the same; a version may come with its epoch inside.
  epoch: fc.constantFrom('written', 'none', 'zero'),
});
const collection = fc.record({
  module: fc.constantFrom(undefined, undefined, 'on', 'on', 'off', 'other'),
  packages: fc.array(named, { minLength: 1, maxLength: 8 }),
});
const universe = fc.record({
  installed: fc.uniqueArray(fc.nat(samples.length - 1), { minLength: 3, maxLength: 9 }),
  advisories: fc.array(
    fc.record({
      id: fc.constantFrom('A-1', 'A-2', 'A-3', 'A-4'),
      collections: fc.array(collection, { maxLength: 3 }),
    }),
    { minLength: 2, maxLength: 8 },
  ),
});
type Universe = typeof universe extends fc.Arbitrary<infer T> ? T : never;
type Named = Universe['advisories'][number]['collections'][number]['packages'][number];

function packageElement({ name, version: evr, release, arch, epoch: how }: Named): string {
  const [version = '', stated = '0'] = evr.split(':').toReversed();
  const epoch = stated !== '0' || how === 'zero' ? ` epoch="${stated}"` : how === 'none' ? '' : ' epoch=""';
  return `<package name="${name}" version="${version}" release="${release}" arch="${arch}"${epoch}/>`;
}

function updateinfoOf({ advisories }: Universe): string {
  const modules = { on: 'mod:1', off: 'mod:2', other: 'else:1' };
  const elements = advisories.map(({ id, collections }) => {
    const inside = collections.map(({ module, packages }) => {
      const [name, stream] = module ? modules[module].split(':') : [];
      const element = name
        ? `<module name="${name}" stream="${stream}" version="1" context="c" arch="x86_64"/>`
        : '';
      return `<collection>${element}${packages.map(packageElement).join('')}</collection>`;
    });
    return `<update type="security"><id>${id}</id><pkglist>${inside.join('')}</pkglist></update>`;
  });
  return `<?xml version="1.0"?><updates>${elements.join('')}</updates>`;
}

const modulemd = ['mod:1', 'mod:2', 'else:1']
  .map((one) => {
    const [name, stream] = one.split(':');
    return `---
document: modulemd
version: 2
data:
  name: ${name}
  stream: "${stream}"
  version: 1
  context: c
  arch: x86_64
  summary: A module
  description: A module
  license: {module: [MIT]}
`;
  })
  .join('');

let directory: string;
let files: string[];
let packages: Nevra[];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'advisories-'));
  const place = await repositoryOf(directory, 'samples', samples);
  files = (await readdir(place)).filter((name) => name.endsWith('.rpm')).map((name) => join(place, name));
  packages = await Promise.all(files.map(readPackage));
});
afterAll(() => rm(directory, { recursive: true }));

/** A root with packages in its database and a stream enabled, and a repository with updateinfo and modules. */
async function lay(one: Universe, index: number): Promise<{ root: string; repo: string }> {
  const [root, repo] = [join(directory, `root-${index}`), join(directory, `repo-${index}`)];
  await mkdir(join(root, 'etc/dnf/modules.d'), { recursive: true });
  await writeFile(
    join(root, 'etc/dnf/modules.d/mod.module'),
    '[mod]\nname=mod\nstream=1\nprofiles=\nstate=enabled\n',
  );
  // Debian's libsolv looks for the database where Debian's rpm has that of a user.
  const options = [
    '--root',
    root,
    '--dbpath',
    '/proc/nonexistent/.rpmdb',
    '--justdb',
    '--nodeps',
    '--force',
    '--ignorearch',
  ];
  await run('rpm', ['-i', ...options, ...one.installed.map((at) => files[at]!)]);
  await mkdir(repo);
  await run('createrepo_c', ['--quiet', '--no-database', repo]);
  for (const [type, text] of [
    ['updateinfo', updateinfoOf(one)],
    ['modules', modulemd],
  ] as const) {
    const path = join(directory, type === 'modules' ? 'modules.yaml' : 'updateinfo.xml');
    await writeFile(path, text);
    await run('modifyrepo_c', [`--mdtype=${type}`, path, join(repo, 'repodata')]);
  }
  return { root, repo };
}

const textOf = (advisory: Advisory, nevra: Nevra) => `${advisory.id} ${nevraText(nevra)}`;

test('what dnf updateinfo says of random universes', async () => {
  const drawn = fc.sample(universe, { numRuns: universes, seed: 7 });
  const requests = [];
  for (const [index, one] of drawn.entries()) requests.push(await lay(one, index));
  const script = join(import.meta.dirname, 'advisories.py');
  const input = requests.map((request) => `${JSON.stringify(request)}\n`).join('');
  const answers = (await run('python3', [script], { input })).stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as string[]);
  expect(answers).toHaveLength(universes);
  for (const [index, { repo }] of requests.entries()) {
    const installed = drawn[index]!.installed.map((at) => packages[at]!);
    const filter = new AdvisoryFilter(
      installed.map((from) => ({ from })),
      ['mod:1'],
    );
    const found = new Set<string>();
    const file = (await readdir(join(repo, 'repodata'))).find((name) => name.includes('updateinfo'))!;
    for await (const advisory of readUpdateinfo(join(repo, 'repodata', file))) {
      for (const { fixed } of filter.fixesOf(advisory)) found.add(textOf(advisory, fixed));
    }
    expect([...found].toSorted(), `universe ${index}`).toEqual(answers[index]);
  }
  // Of all of them there must be something to find.
  expect(answers.flat().length).toBeGreaterThan(universes);
});
