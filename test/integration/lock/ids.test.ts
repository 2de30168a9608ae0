/** The ledger of ids, with real rpm: packages whose scriptlets take the next free id, in one order and in another. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuildText } from '../../../spec/rpmbuild.ts';
import type { ImageRecord } from '../../../src/pipeline/state/image-records.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk, type BuildAnswer } from '../../helpers/milliner.ts';
import { layersOf, listTars } from '../../helpers/oci-layout.ts';

useOneProcess();

/** As useradd --system and systemd-sysusers choose: downwards from 999. */
function spec(name: string): string {
  return [
    `Name: ${name}`,
    'Version: 1',
    'Release: 1',
    'Summary: A service with a user of its own',
    'License: Apache-2.0',
    'BuildArch: noarch',
    'AutoReqProv: no',
    'Requires(pre): tiny-base',
    '%description',
    'Its user gets the next free id.',
    '%install',
    `mkdir -p %{buildroot}/var/lib/${name} %{buildroot}/usr/bin`,
    `echo suid >%{buildroot}/usr/bin/${name}`,
    `echo capable >%{buildroot}/usr/bin/${name}-capable`,
    '%pre',
    'id=999',
    'while case "$(cat /etc/passwd)" in *":x:$id:"*) true;; *) false;; esac; do id=$((id - 1)); done',
    `echo "${name}:x:$id:$id:${name}:/var/lib/${name}:/sbin/nologin" >>/etc/passwd`,
    `echo "${name}:x:$id:" >>/etc/group`,
    '%post',
    `echo made >/var/lib/${name}/state`,
    `chown ${name}:${name} /var/lib/${name}/state`,
    '%files',
    `%attr(0750, ${name}, ${name}) %dir /var/lib/${name}`,
    `%attr(4711, ${name}, root) /usr/bin/${name}`,
    `%attr(0750, root, ${name}) %caps(cap_net_raw=ep) /usr/bin/${name}-capable`,
    '',
  ].join('\n');
}

let desk: Desk;
let repos: object[];
beforeAll(async () => {
  desk = await Desk.open();
  const tiny = await desk.repository('tiny', ['tiny-base', 'tiny-app']);
  const own = desk.path('own');
  await withWorkPlace(async () => {
    for (const name of ['alpha', 'beta', 'gamma'])
      await rpmbuildText(name, spec(name), { sources: desk.directory, epoch: 1_704_067_200 }, own);
  });
  repos = [
    { name: 'tiny', baseurl: tiny, gpgcheck: false },
    { name: 'own', baseurl: own, gpgcheck: false },
  ];
}, 60_000);
afterAll(() => desk.remove());

async function build(name: string, packages: string[], fields: object = {}): Promise<BuildAnswer> {
  await desk.recipe(name, { repos, packages, ...fields });
  await desk.json(['lock', name]);
  return desk.build(name, '--output', desk.path('layout'));
}

const ledgerPath = (name: string) => desk.path('recipes', `${name}.ids.json`);
const ledger = async (name: string) => JSON.parse(await readFile(ledgerPath(name), 'utf8')) as object;
const both = (ids: Record<string, number>) => ({ version: 1, users: ids, groups: ids });

/** Owners by path, in the image as it was last exported. */
async function owners(name: string): Promise<Map<string, string>> {
  const listing = listTars(await layersOf(desk.path('layout'), name), '--verbose', '--numeric-owner');
  const rows = listing
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/));
  return new Map(rows.map(([mode, owner, , , , path]) => [path!.replace(/\/$/, ''), `${mode} ${owner}`]));
}

async function textOf(name: string, path: string): Promise<string> {
  const tars = await layersOf(desk.path('layout'), name);
  const holds = tars.findLast((tar) => listTars([tar]).split('\n').includes(path));
  return execFileSync('tar', ['-xOf', '-', path], { input: holds }).toString();
}

test('a package that comes first later leaves the others their ids', { timeout: 60_000 }, async () => {
  await build('image', ['tiny-base', 'beta']);
  expect(await ledger('image')).toEqual(both({ beta: 999, root: 0 }));
  const text = await readFile(ledgerPath('image'), 'utf8');
  const again = await desk.run(['build', 'image']);
  expect(again.stderr).toContain('unchanged');
  expect(await readFile(ledgerPath('image'), 'utf8')).toBe(text);

  // By itself rpm would give alpha, whose turn is first, what was beta's.
  const fresh = await build('other', ['tiny-base', 'alpha', 'beta']);
  expect(await ledger('other')).toEqual(both({ alpha: 999, beta: 998, root: 0 }));
  const kept = await build('image', ['tiny-base', 'alpha', 'beta']);
  expect(await ledger('image')).toEqual(both({ alpha: 998, beta: 999, root: 0 }));
  expect(kept.manifestDigest).not.toBe(fresh.manifestDigest);

  const found = await owners('image');
  expect(found.get('var/lib/beta')).toBe('drwxr-x--- 999/999');
  expect(found.get('var/lib/beta/state')).toBe('-rw-r--r-- 999/999');
  expect(found.get('var/lib/alpha/state')).toBe('-rw-r--r-- 998/998');
  expect(found.get('usr/bin/beta')).toBe('-rws--x--x 999/0');
  expect(found.get('usr/bin/alpha-capable')).toBe('-rwxr-x--- 0/998');
  const passwd = await textOf('image', 'etc/passwd');
  expect(passwd).toContain('beta:x:999:999:beta:/var/lib/beta:/sbin/nologin');
  expect(passwd).toContain('alpha:x:998:998:alpha:/var/lib/alpha:/sbin/nologin');
  expect(await textOf('image', 'etc/group')).toMatch(/^beta:x:999:$/m);
  const record = JSON.parse(
    await readFile(desk.path('state', 'images', 'image@x86_64.json'), 'utf8'),
  ) as ImageRecord;
  // rpm itself finds every owner, mode and capability as its packages have them.
  expect(record.report.verification.filter(({ path }) => /alpha|beta/.test(path))).toEqual([]);
  expect(record.report.state.find(({ path }) => path === '/var/lib/beta/state')).toMatchObject({
    package: 'beta-1-1.noarch',
  });

  // The ledger decides, not what the state directory has seen.
  const elsewhere = await desk.json<BuildAnswer>(['build', 'image', '--state', desk.path('another')]);
  expect(elsewhere.manifestDigest).toBe(kept.manifestDigest);
});

test('one who has left keeps the number; one by hand is given', { timeout: 60_000 }, async () => {
  await writeFile(ledgerPath('hand'), JSON.stringify(both({ gone: 999, beta: 600 })));
  await build('hand', ['tiny-base', 'alpha', 'beta']);
  expect(await ledger('hand')).toEqual(both({ alpha: 998, beta: 600, gone: 999, root: 0 }));
});

test('what a package insists on is refused where the ledger has another, and nothing is left', async () => {
  await writeFile(ledgerPath('drift'), JSON.stringify(both({ tiny: 500 })));
  const path = await desk.recipe('drift', { repos, packages: ['tiny-app'] });
  const error = await desk.fails(['build', path]);
  expect(error).toMatchObject({
    code: 'ID_DRIFT',
    exit: 7,
    details: { kind: 'user', name: 'tiny', ledger: 500, found: 77 },
  });
  expect(await ledger('drift')).toEqual(both({ tiny: 500 }));
  expect((await desk.fails(['inspect', 'drift'])).code).toBe('IMAGE_NOT_FOUND');
});

test(
  "a base's ids are its own: one that it gives to another is refused above it",
  { timeout: 60_000 },
  async () => {
    await build('base', ['tiny-base', 'beta']);
    await build('above', ['alpha'], { from: 'base' });
    expect(await ledger('above')).toEqual(both({ alpha: 998 }));
    await build('base', ['tiny-base', 'beta', 'gamma']);
    await rm(desk.path('recipes', 'above.lock.json'));
    const error = await desk.fails(['build', 'above']);
    expect(error).toMatchObject({ code: 'ID_DRIFT', details: { name: 'alpha', ledger: 998 } });
    expect(error.message).toContain('gamma');
    // Accepted by hand.
    await writeFile(ledgerPath('above'), JSON.stringify(both({ alpha: 900 })));
    await desk.build('above');
    expect(await ledger('above')).toEqual(both({ alpha: 900 }));
  },
);

test.each([
  ['not JSON', '{'],
  ['another version', JSON.stringify({ version: 2, users: {}, groups: {} })],
  ['no number', JSON.stringify({ version: 1, users: { a: 'x' }, groups: {} })],
  ['a number that means nobody', JSON.stringify({ version: 1, users: { a: 0xffffffff }, groups: {} })],
  ['a name that is two fields', JSON.stringify({ version: 1, users: { 'a:b': 1 }, groups: {} })],
])('a ledger that cannot be read is refused: %s', async (_, text) => {
  await desk.recipe('broken', { repos, packages: ['tiny-base'] });
  await writeFile(ledgerPath('broken'), text);
  expect(await desk.fails(['build', 'broken'])).toMatchObject({ code: 'LOCK_INVALID', exit: 3 });
});
