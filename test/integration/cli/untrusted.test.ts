/** A stranger's recipe under --untrusted: what it may not ask for, by key, and what it may. */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sealLock, type Lock } from '../../../src/stages/lock/lock-file.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';

useOneProcess();

let desk: Desk;
const asked: string[] = [];
const server = createServer((request, response) => {
  asked.push(request.url ?? '');
  response.writeHead(404).end();
});
let port = 0;

beforeAll(async () => {
  desk = await Desk.open();
  await mkdir(desk.path('keys'));
  await writeFile(desk.path('keys/key'), await readFile((await tinyPackages()).key));
  await desk.repository('packages', ['tiny-base', 'tiny-app']);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  ({ port } = server.address() as AddressInfo);
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await desk.remove();
});

const own = { name: 'r', baseurl: '../packages', keys: ['../keys/key'] };
const isolated = { tools: { packages: ['tiny-base'] }, packages: ['tiny-base'] };
/** As an operator has it who names no network. */
const env = { MILLINER_PRIVATE_NETWORKS: '' };
const stranger = (command: string, recipe: string, ...flags: string[]) =>
  desk.fails([command, recipe, '--untrusted', ...flags], { env });

test.each<[string, Record<string, unknown>, string]>([
  ['the host’s tools', { tools: 'host' }, 'tools'],
  ['a tar for a base', { from: { tar: '../base.tar' } }, 'from'],
  ['a directory for a base', { from: { directory: '../packages' } }, 'from'],
  [
    'a key of the host for a base',
    { from: { image: 'r.invalid/a:1', keys: ['/etc/hostname'] } },
    'from.keys',
  ],
  ['a directory of the host', { repos: [{ ...own, baseurl: '/srv' }] }, 'repos.r'],
  ['a file URL', { repos: [{ ...own, baseurl: 'file:///srv' }] }, 'repos.r'],
  [
    'a file URL in capitals, of several',
    { repos: [{ ...own, baseurl: ['https://r.invalid/', 'FILE:/srv'] }] },
    'repos.r',
  ],
  [
    'a metalink of the host',
    { repos: [{ name: 'r', metalink: 'file:///srv/m', keys: own.keys }] },
    'repos.r',
  ],
  ['a key of the host', { repos: [{ ...own, keys: ['/etc/hostname'] }] }, 'repos.r'],
  ['a certificate of the host', { repos: [{ ...own, sslClientCert: '/etc/ssl/c.pem' }] }, 'repos.r'],
  ['an authority of the host', { repos: [{ ...own, sslCaCert: '/etc/ssl/c.pem' }] }, 'repos.r'],
  [
    'a way out to the host’s own network',
    { repos: [own], test: { network: 'egress', egress: [{ host: '169.254.169.254', port: 80 }] } },
    'test.egress',
  ],
])('%s', async (_what, fields, key) => {
  const recipe = await desk.recipe('strange', { ...isolated, ...fields });
  for (const command of ['lock', 'build'])
    expect(await stranger(command, recipe)).toMatchObject({
      code: 'RECIPE_UNTRUSTED',
      exit: 6,
      details: { key },
    });
});

test('what its base, or repos.yaml, asks for is a stranger’s too', async () => {
  await desk.recipe('below', { ...isolated, tools: 'host', repos: [own] });
  const above = await desk.recipe('above', { ...isolated, from: 'below', repos: [own] });
  expect(await stranger('lock', above)).toMatchObject({
    code: 'RECIPE_UNTRUSTED',
    details: { key: 'tools' },
  });
  await writeFile(join(desk.recipes, 'repos.yaml'), JSON.stringify({ repos: [{ ...own, baseurl: '/srv' }] }));
  const named = await desk.recipe('named', { ...isolated, repos: ['r'] });
  expect(await stranger('lock', named)).toMatchObject({
    code: 'RECIPE_UNTRUSTED',
    details: { key: 'repos.r' },
  });
});

test('servers of this host’s network are not asked: repositories, lists, registries', async () => {
  const at = (host: string) => `http://${host}:${port}/`;
  const recipes: Record<string, unknown>[] = [
    ...['127.0.0.1', '127.1', 'localhost', '[::ffff:127.0.0.1]'].map((host) => ({
      repos: [{ ...own, baseurl: at(host) }],
    })),
    { repos: [{ name: 'r', metalink: `${at('127.0.0.1')}m`, keys: own.keys }] },
    { repos: [{ name: 'r', mirrorlist: `${at('127.0.0.1')}l`, keys: own.keys }] },
    { from: { image: `127.0.0.1:${port}/felt/hat:1`, unsigned: true } },
    { from: { image: `localhost:${port}/felt/hat:1`, unsigned: true } },
  ];
  for (const fields of recipes) {
    const recipe = await desk.recipe('strange', { ...isolated, ...fields });
    expect(await stranger('lock', recipe), JSON.stringify(fields)).toMatchObject({
      code: 'ADDRESS_REFUSED',
      exit: 6,
    });
  }
  expect(asked).toEqual([]);
});

test('what it names beneath its root is locked; a lock that names more is refused', async () => {
  const recipe = await desk.recipe('fair', { ...isolated, repos: [own] });
  const ended = await desk.run(['lock', recipe, '--json'], { env: { ...env, MILLINER_UNTRUSTED: 'true' } });
  expect(ended.code, ended.stdout).toBe(0);
  const path = join(desk.recipes, 'fair.lock.json');
  const { digest: _digest, ...lock } = JSON.parse(await readFile(path, 'utf8')) as Lock;
  const named = async (url: string, code: string) => {
    const text = JSON.stringify(lock, (key, value: unknown) => (key === 'url' ? url : value));
    await writeFile(path, JSON.stringify(sealLock(JSON.parse(text) as Omit<Lock, 'digest'>)));
    const state = { ...env, MILLINER_STATE: desk.path(`state-${code}-${url.length}`) };
    expect(await desk.fails(['build', recipe, '--untrusted'], { env: state }), url).toMatchObject({ code });
  };
  await symlink('/etc', desk.path('out'));
  await named('file:///etc/hostname', 'RECIPE_UNTRUSTED');
  await named('../../../etc/hostname', 'FILE_OUTSIDE');
  await named('../out/hostname', 'FILE_OUTSIDE');
});

test('a package that is a link out of the recipe’s directory is none', async () => {
  const packages = await desk.repository('linked', ['tiny-base']);
  await symlink('/etc/hostname', join(packages, 'hostname-1-1.noarch.rpm'));
  const recipe = await desk.recipe('linked', { ...isolated, repos: [{ ...own, baseurl: '../linked' }] });
  expect(await stranger('lock', recipe)).toMatchObject({ code: 'FILE_OUTSIDE', exit: 6 });
});

test('a stranger does not say where a release is published to', async () => {
  const publish = { to: ['registry.invalid/felt'], tags: ['1'] };
  const recipe = await desk.recipe('published', { ...isolated, repos: [own], publish });
  const password = { ...env, MILLINER_KEY_PASSWORD: 'felt' };
  const key = desk.path('release');
  expect((await desk.run(['key', 'generate', '--out', key], { env: password })).code).toBe(0);
  const args = ['release', recipe, '--untrusted', '--detach', '--key', `${key}.key`];
  expect(await desk.fails(args, { env: password })).toMatchObject({
    code: 'RECIPE_UNTRUSTED',
    exit: 6,
    details: { key: 'publish' },
  });
});
