/** Packages whose header names a module, with and without that module's metadata: refused where dnf refuses them. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import { start, run } from '../../../src/lib/host/exec.ts';
import { Desk } from '../../helpers/milliner.ts';
import { createRepository } from '../../helpers/repo/edit-primary.ts';
import { build } from '../../helpers/rpm/fixtures.ts';

let desk: Desk;
let labelled: string[];
let plain: string[];

const spec = (name: string, version: string, more = '') => `
Name: ${name}
Version: ${version}
Release: 1
Epoch: 1
Summary: x
License: MIT
BuildArch: noarch
${more}
%description
x
%files
`;
const label = 'ModularityLabel: server:1.14:8000:abcd';

beforeAll(async () => {
  desk = await Desk.open();
  const make = async (...[name, version, more]: [string, string, string?]) =>
    build(join(desk.directory, `${name}-${version}`), spec(name, version, more));
  labelled = [
    ...(await make('server', '1.14', label)),
    ...(await make('client', '1', 'Requires: server')),
    ...(await make('aside', '1')),
  ];
  plain = await make('server', '1.13');
});
afterAll(() => desk.remove());

const modules = (artifact: string, isDefault = true) => `---
document: modulemd
version: 2
data:
  name: server
  stream: "1.14"
  version: 8000
  context: abcd
  arch: x86_64
  summary: x
  description: x
  license: { module: [MIT] }
  artifacts: { rpms: ['${artifact}'] }
${isDefault ? '---\ndocument: modulemd-defaults\nversion: 1\ndata: { module: server, stream: "1.14" }\n' : ''}`;
const own = 'server-1:1.14-1.noarch';

interface Situation {
  /** modules.yaml of each of the two repositories. */
  main?: string;
  other?: string;
  /** The unlabelled server lies in the other repository. */
  withPlain?: boolean;
  moduleHotfixes?: boolean;
  install?: string;
  /** dnf refuses it in those words. */
  isOrphan?: boolean;
}

async function repository(name: string, files: readonly string[], yaml: string | undefined): Promise<string> {
  const directory = join(desk.directory, name);
  await mkdir(directory);
  for (const file of files) await cp(file, join(directory, file.replace(/.*\//, '')));
  await createRepository(directory);
  if (yaml === undefined) return directory;
  await writeFile(join(directory, 'modules.yaml'), yaml);
  await run('modifyrepo_c', [
    '--mdtype=modules',
    join(directory, 'modules.yaml'),
    join(directory, 'repodata'),
  ]);
  return directory;
}

/** What dnf does when it comes to installing: whether it did, and the package that it refuses by name. */
async function dnf(name: string, repositories: Record<string, string>, hotfixes: boolean, word: string) {
  const root = join(desk.directory, `${name}-dnf`);
  const settings = {
    reposdir: '/nonexistent',
    cachedir: join(root, 'cache'),
    module_platform_id: 'platform:el8',
    gpgcheck: 'false',
    tsflags: 'justdb',
    'main.module_hotfixes': String(Number(hotfixes)),
  };
  const { exitCode, stdout, stderr } = await start('dnf', [
    '-y',
    '--disableplugin=*',
    `--installroot=${join(root, 'root')}`,
    '--releasever=1',
    ...Object.entries(settings).map(([key, value]) => `--setopt=${key}=${value}`),
    ...Object.entries(repositories).map(([repo, path]) => `--repofrompath=${repo},file://${path}`),
    'install',
    word,
  ]);
  return { solved: exitCode === 0, words: /^No available modular metadata.*$/m.exec(stdout + stderr)?.[0] };
}

const situations: [string, Situation][] = [
  ['no module at all', { isOrphan: true }],
  ['its module beside it', { main: modules(own) }],
  ['its module in another repository', { other: modules(own) }],
  ['its module speaks of another build', { main: modules('server-1:1.14-2.noarch') }],
  ['its module is not enabled', { main: modules(own, false) }],
  ['a repository of hotfixes', { moduleHotfixes: true }],
  ['hotfixes, and the module is not enabled', { main: modules(own, false), moduleHotfixes: true }],
  ['as a dependency', { install: 'client', isOrphan: true }],
  ['not in the transaction', { install: 'aside' }],
  ['an older one that is not modular', { withPlain: true, isOrphan: true }],
  ['an older one, asked for by its version', { withPlain: true, install: 'server-1.13' }],
];

test.for(situations)('%s', async ([name, situation], { expect: local }) => {
  const { main, other, withPlain = false, moduleHotfixes = false, install = 'server' } = situation;
  const { isOrphan = false } = situation;
  const key = name.replaceAll(/[^a-z]+/g, '-');
  const paths = {
    main: await repository(`${key}-main`, labelled, main),
    other: await repository(`${key}-other`, withPlain ? plain : labelled.slice(2), other),
  };
  const theirs = await dnf(key, paths, moduleHotfixes, install);
  local(theirs.words !== undefined).toBe(isOrphan);
  const repos = [
    { name: 'main', baseurl: paths.main, gpgcheck: false, moduleHotfixes },
    { name: 'other', baseurl: paths.other, gpgcheck: false },
  ];
  const recipe = await desk.recipe(key, { repos, packages: [install], tools: 'host' });
  const { code, stdout } = await desk.run(['lock', recipe, '--json']);
  local(code).toBe(theirs.solved ? 0 : 5);
  if (theirs.words === undefined) return;
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
  local(error).toMatchObject({ code: 'SOLVE_FAILED', message: theirs.words });
});
