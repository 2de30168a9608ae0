/** Where packages are asked for: as dnf asks, whatever their files are called, and at each of several base URLs. */
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRepodata } from '../../../spec/repodata.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { openRepository, type RepositoryDefinition } from '../../../src/stages/repo/repository.ts';
import { solve } from '../../../src/stages/solve/solve.ts';
import { build, familySpec } from '../../helpers/rpm/fixtures.ts';

/** All that is printable but the slash, which parts directories, and one that is not ASCII. */
const characters = [...Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)), 'é'].filter(
  (character) => character !== '/',
);
const names = characters.map((_, index) => `p${index}`);

let directory: string;
let server: Server;
let url: string;
const asked: string[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mill-places-'));
  const repository = join(directory, 'r', 'a+b');
  await mkdir(repository, { recursive: true });
  for (const path of await build(directory, familySpec(names))) {
    const [, index = ''] = /\/p(\d+)-[^/]*$/.exec(path) ?? [];
    if (index !== '') await rename(path, join(repository, `p${index} ${characters[Number(index)]}.rpm`));
  }
  await createRepodata(join(directory, 'r'));
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const file = join(directory, decodeURIComponent((request.url ?? '/').replace(/\?.*/, '')));
    void stat(file)
      .then(({ size }) => createReadStream(file).pipe(response.writeHead(200, { 'content-length': size })))
      .catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await rm(directory, { recursive: true });
});

async function open(rest: Partial<RepositoryDefinition>) {
  const cache = await mkdtemp(join(directory, 'cache-'));
  const definition = { name: 'r', keys: [], exclude: [], gpgcheck: false, timeout: 500, ...rest };
  return openRepository(definition, cache, { arch: 'x86_64', progress: silent });
}

async function packagesOf(rest: Partial<RepositoryDefinition>) {
  const repositories = [await open(rest)];
  return (await solve({ arch: 'x86_64', repositories, install: names, weakDeps: false })).packages;
}

test('every printable character is asked for as dnf asks for it', async () => {
  const root = join(directory, 'dnf');
  const settings = ['reposdir=/nonexistent', `cachedir=${root}/cache`, 'gpgcheck=0'].map(
    (it) => `--setopt=${it}`,
  );
  const places = [`--installroot=${root}`, `--repofrompath=r,${url}/r`, '--releasever=1'];
  const how = ['-q', '-y', '--disableplugin=*', '--downloadonly', ...settings, ...places];
  await run('dnf', [...how, 'install', ...names]);
  const theirs = asked.filter((path) => path.endsWith('.rpm')).toSorted();
  expect(theirs).toHaveLength(characters.length);
  const ours = await packagesOf({ baseurl: `${url}/r` });
  expect(ours.map((one) => one.url.slice(url.length)).toSorted()).toEqual(theirs);
  // In a directory the same files lie under their own names.
  const local = await packagesOf({ baseurl: join(directory, 'r') });
  for (const one of local) expect((await stat(fileURLToPath(one.url))).size).toBe(one.size);
});

test('several base URLs: the first that answers gives the metadata, all of them the packages', async () => {
  const gone = 'http://127.0.0.1:1/r';
  const empty = join(directory, 'empty');
  await mkdir(empty);
  const local = join(directory, 'r');
  const situations: [string[], string[]][] = [
    [
      [gone, `${url}/r`],
      [`${url}/r/`, `${gone}/`],
    ],
    [
      [`${url}/r`, gone],
      [`${url}/r/`, `${gone}/`],
    ],
    [
      [join(directory, 'none'), empty, local],
      [`file://${local}/`, `file://${directory}/none/`, `file://${empty}/`],
    ],
    [
      [gone, local],
      [`file://${local}/`, `${gone}/`],
    ],
    [
      [empty, `${url}/r`],
      [`${url}/r/`, `file://${empty}/`],
    ],
    [[`${url}/r`], [`${url}/r/`]],
    [[local], [`file://${local}/`]],
  ];
  for (const [baseurl, bases] of situations) {
    const opened = await open({ baseurl });
    expect(opened.bases.map(String)).toEqual(bases);
    expect(opened.packageUrls('p1.rpm', '')).toEqual(bases.map((base) => `${base}p1.rpm`));
  }
  await expect(open({ baseurl: [gone, empty] })).rejects.toMatchObject({ code: 'REPO_UNAVAILABLE' });
});
