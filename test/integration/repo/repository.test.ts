/** What demo and tests rely on in the offline repository, read by rpm. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cache, checkout } from '../../../spec/places.ts';
import { run } from '../../../src/lib/host/exec.ts';

const repository = join(cache, 'repository');
const packages = join(repository, 'packages');
let database: string;

beforeAll(async () => {
  database = await mkdtemp(join(tmpdir(), 'rpmdb-'));
  const key = join(repository, 'keys/RPM-GPG-KEY-milliner-demo');
  await run('rpmkeys', ['--dbpath', database, '--import', key]);
});
afterAll(() => rm(database, { recursive: true, force: true }));

async function check(paths: string[]): Promise<number> {
  const options = ['--dbpath', database, '--define', '_pkgverify_level all'];
  return (await run('rpmkeys', [...options, '--checksig', ...paths], { allow: [0, 1] })).exitCode;
}

function rpms(directory: string): string[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.rpm'));
  return names.toSorted().map((name) => join(directory, name));
}

test('at least 200 packages, each signed, each with a zstd payload of level 19', async () => {
  const paths = rpms(packages);
  expect(paths.length).toBeGreaterThanOrEqual(200);
  expect(await check(paths)).toBe(0);
  const format = '%{PAYLOADCOMPRESSOR} %{PAYLOADFLAGS} %{BUILDHOST}\n';
  const { stdout } = await run('rpm', ['--dbpath', database, '-qp', '--qf', format, ...paths]);
  expect(new Set(stdout.trim().split('\n'))).toEqual(new Set(['zstd 19 demo.invalid']));
});

test('binaries of one source share its source package, and keep owners, modes and capabilities', async () => {
  const format = '[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILECAPS}\n]';
  const dump = async (name: string) => {
    const path = rpms(packages).find((found) => new RegExp(`/${name}-\\d`).test(found)) ?? '';
    return (await run('rpm', ['--dbpath', database, '-qp', '--qf', format, path])).stdout;
  };
  expect(await dump('passwd')).toContain('/usr/bin/chage -rwxr-sr-x root:shadow');
  expect(await dump('dbus')).toContain('dbus-daemon-launch-helper -rwsr-xr-- root:messagebus');
  expect(await dump('iputils-ping')).toContain('/usr/bin/ping -rwxr-xr-x root:root cap_net_raw=ep');
  const systemd = rpms(packages).filter((path) => /\/(systemd|udev|libsystemd0)-\d/.test(path));
  const sources = await run('rpm', ['--dbpath', database, '-qp', '--qf', '%{SOURCERPM}\n', ...systemd]);
  expect(new Set(sources.stdout.trim().split('\n')).size).toBe(1);
});

test('the private key is for its owner only', () => {
  const keys = join(repository, 'keys');
  expect(statSync(keys).mode & 0o777).toBe(0o700);
  expect(statSync(join(keys, 'RPM-GPG-KEY-milliner-demo.private')).mode & 0o777).toBe(0o600);
});

test.each(['unsigned', 'wrong-key', 'bit-flipped', 'truncated', 'v6-signed'])(
  'rpm refuses the %s package',
  async (name) => expect(await check(rpms(join(repository, 'broken', name)))).toBe(1),
);

test.each(['scriptlet-fails', 'network', 'escape', 'private-key', 'unknown-owner'])(
  'rpm takes the %s package for sound until it is installed',
  async (name) => expect(await check(rpms(join(repository, 'broken', name)))).toBe(0),
);

test('the v6 package is whole: only its signature is where older rpm does not look', async () => {
  const [path = ''] = rpms(join(repository, 'broken/v6-signed'));
  const options = ['--dbpath', database, '--define', '_pkgverify_level digest'];
  expect((await run('rpmkeys', [...options, '--checksig', path])).exitCode).toBe(0);
  // RPMSIGTAG_OPENPGP, a string array of one.
  expect(readFileSync(path).includes(Buffer.from('0000011600000008', 'hex'))).toBe(true);
});

test('a second run finds the repository complete', async () => {
  const before = statSync(join(repository, 'repository.json'));
  const script = join(checkout, 'spec/repository.ts');
  const { stdout, stderr } = await run(process.execPath, [script]);
  expect(stdout.trim()).toBe(repository);
  expect(stderr).toBe('');
  expect(statSync(join(repository, 'repository.json')).ino).toBe(before.ino);
});
