/** Scriptlets that mean harm: what they try is asserted from the host, how the build ends by its code. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { layersOf, listTars } from '../../helpers/oci-layout.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';
import { leftovers } from '../../helpers/traces.ts';

useOneProcess();

const { outside } = await tinyPackages();

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.open();
  // A run that was killed, or found something, has left it.
  await rm(outside, { recursive: true, force: true });
  await mkdir(outside);
  await writeFile(`${outside}/passwd`, 'root:x:0:0::/:\nsecret:x:4242:4242::/:\n');
});
afterEach(async () => {
  expect(await readdir(outside)).toEqual(['passwd']);
  expect(await readFile(`${outside}/passwd`, 'utf8')).toBe('root:x:0:0::/:\nsecret:x:4242:4242::/:\n');
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

afterAll(() => rm(outside, { recursive: true, force: true }));

interface Inspected {
  report: {
    log: string[];
    removedKeys: { path: string; kind: string; package: string }[];
    warnings: string[];
  };
}

async function hostFacts(): Promise<unknown[]> {
  const texts = ['/proc/sys/kernel/core_pattern', '/etc/passwd', '/etc/shadow', '/proc/sys/kernel/hostname'];
  const places = ['/', '/usr', '/etc', '/dev', '/tmp'];
  return [
    await Promise.all(texts.map((path) => readFile(path, 'utf8'))),
    (await Promise.all(places.map((path) => readdir(path)))).map((names) =>
      names.filter((name) => /escaped|disk$|^inner$/.test(name)),
    ),
    (await readFile('/proc/keys', 'utf8')).includes('milliner-escaped'),
  ];
}

test('a scriptlet that leaves its chroot finds every further way shut', async () => {
  const before = await hostFacts();
  await desk.build(await desk.tiny('escapes', ['tiny-base', 'escapes']));
  expect(await hostFacts()).toEqual(before);
  const { report } = await desk.json<Inspected>(['inspect', 'escapes']);
  const attempts = report.log.filter((line) => line.startsWith('escape: ')).map((line) => line.slice(8));
  expect(attempts.length).toBeGreaterThan(25);
  expect(attempts.filter((line) => line.endsWith(' ok'))).toEqual(['leave-chroot ok']);
});

test('private keys that a scriptlet leaves are removed and reported with their package', async () => {
  await desk.build(
    await desk.tiny('keys', ['tiny-base', 'tiny-app', 'leaves-keys']),
    '--output',
    desk.path('oci'),
  );
  const { report } = await desk.json<Inspected>(['inspect', 'keys']);
  const maker = expect.stringMatching(/^leaves-keys-1-1/) as string;
  expect(report.removedKeys).toEqual([
    { path: '/etc/keys/server.key', kind: 'DER private key', package: maker },
    { path: '/etc/keys/server.pem', kind: 'PEM private key', package: maker },
    { path: '/etc/keys/ssh_host_key', kind: 'PEM private key', package: maker },
  ]);
  expect(report.warnings).toHaveLength(3);
  const paths = listTars((await layersOf(desk.path('oci'))).slice(-1)).split('\n');
  expect(paths.filter((path) => path.includes('keys/'))).toEqual(['etc/keys/', 'etc/keys/public.pem']);
});

test('names of any bytes are carried as they are', async () => {
  await desk.build(await desk.tiny('odd', ['tiny-base', 'odd-names']), '--output', desk.path('oci'));
  const listed = listTars(await layersOf(desk.path('oci')), '--quoting-style=c');
  expect(listed.split('\n').filter((path) => path.startsWith('"srv/odd/'))).toEqual([
    '"srv/odd/"',
    '"srv/odd/ "',
    '"srv/odd/*"',
    '"srv/odd/--help"',
    String.raw`"srv/odd/bytes \377\376"`,
    String.raw`"srv/odd/escape \033[2J"`,
    String.raw`"srv/odd/line\nbreak"`,
  ]);
});

test('a scriptlet that fills a tmpfs fails by itself', async () => {
  const error = await desk.fails(['build', await desk.tiny('greedy', ['tiny-base', 'fills-tmpfs'])]);
  const failures = [{ status: 'exit status 1' }];
  expect(error).toMatchObject({ code: 'SCRIPTLET_FAILED', exit: 7, details: { failures } });
  expect(error.message).toContain('%post(fills-tmpfs-1-1');
});

test('a fork bomb ends with its container', async () => {
  const install = { timeout: '20s' };
  const ended = await desk.run([
    'build',
    await desk.tiny('bomb', ['tiny-base', 'forks-for-ever'], { install }),
  ]);
  expect([0, 7]).toContain(ended.code);
});

test.each(['prints-lines-for-ever', 'prints-one-line-for-ever'])(
  '%s: ends at a limit of output',
  async (name) => {
    const error = await desk.fails(['build', await desk.tiny('loud', ['tiny-base', name])]);
    expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', exit: 7, details: { limit: 'output' } });
    expect(error.message).toContain(`${name}-1-1`);
  },
);

test('a scriptlet that takes all memory ends at the memory that the recipe gives', async () => {
  const install = { memory: '256M' };
  const error = await desk.fails([
    'build',
    await desk.tiny('greedy', ['tiny-base', 'takes-all-memory'], { install }),
  ]);
  expect(error).toMatchObject({
    code: 'LIMIT_EXCEEDED',
    exit: 7,
    details: { limit: 'memory', package: expect.stringMatching(/^takes-all-memory-1-1/) as string },
  });
});

test('a scriptlet that sleeps for ever ends at the time that the recipe gives', async () => {
  const install = { timeout: '3s' };
  const error = await desk.fails([
    'build',
    await desk.tiny('slow', ['tiny-base', 'sleeps-for-ever'], { install }),
  ]);
  expect(error).toMatchObject({
    code: 'LIMIT_EXCEEDED',
    exit: 7,
    details: { limit: 'time', package: expect.stringMatching(/^sleeps-for-ever-1-1/) as string },
  });
});

test('a process that a scriptlet leaves running ends with the transaction', async () => {
  expect(await desk.build(await desk.tiny('daemon', ['tiny-base', 'leaves-daemon']))).toMatchObject({
    packages: 2,
  });
});

test.each([
  ['pipes-passwd', 'INSTALL_FAILED'],
  ['links-database', 'RPMDB_INVALID'],
  ['pipes-database', 'RPMDB_INVALID'],
  ['breaks-database', 'RPMDB_INVALID'],
])(
  '%s: what stands in the place of a file is neither followed to the host nor waited for',
  async (name, code) => {
    const error = await desk.fails(['build', await desk.tiny('places', ['tiny-base', name])]);
    expect(error).toMatchObject({ code, exit: 7 });
  },
);

test("a link in the place of /etc or of the user database leads into the image, not to the host's", async () => {
  const mine = (owner: string) => ({ files: [{ path: '/etc/mine', content: 'mine', owner }] });
  await desk.build(await desk.tiny('etc', ['tiny-base', 'links-etc'], mine('root:root')));
  await desk.build(await desk.tiny('passwd', ['tiny-base', 'links-passwd'], mine('root:root')));
  const secret = await desk.tiny('secret', ['tiny-base', 'links-passwd'], mine('secret:root'));
  expect(await desk.fails(['build', secret])).toMatchObject({ code: 'OWNER_UNKNOWN' });
});

test('links to the host wherever the build looks, writes or removes are followed inside the image', async () => {
  const files = ['/etc/mine', '/etc/folder/mine', '/root/deep/mine'].map((path) => ({ path, content: 'x' }));
  const packages = ['tiny-base', 'links-many'];
  await desk.build(await desk.tiny('many', packages, { files }), '--output', desk.path('oci'));
  const listed = listTars(await layersOf(desk.path('oci')));
  const places = ['etc/mine', `${outside.slice(1)}/mine`, `${outside.slice(1)}/deep/mine`];
  expect(listed.split('\n')).toEqual(expect.arrayContaining(places));
});

test('a tree deeper than a path may be long is refused, and removed', async () => {
  const error = await desk.fails(['build', await desk.tiny('deep', ['tiny-base', 'goes-deep'])]);
  expect(error).toMatchObject({ code: 'IMAGE_UNREPRESENTABLE', exit: 7 });
  expect(error.message).toContain('/var/lib/one/dd/dd/');
});
