/** The same packages in two rpm databases, installed otherwise, become the same file, which rpm still takes. */
import { getPackagesSqlite } from '@snyk/rpm-parser';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { canonicalizeDatabase } from '../../../src/lib/rpm/canonical.ts';
import { readInstalled } from '../../../src/lib/rpm/database.ts';
import { readPackage } from '../../../src/lib/rpm/package.ts';
import { build, everythingSpec, familySpec } from '../../helpers/rpm/fixtures.ts';

const installTime = 1_700_000_000;
let directory: string;
let packages: string[];
let later: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-rpmdb-'));
  const family = await build(directory, familySpec(['zeta', 'alpha', 'mid', 'omega', 'later']), 'w9.gzdio');
  later = family.find((path) => path.includes('later')) ?? '';
  packages = [...family.filter((path) => path !== later), ...(await build(directory, everythingSpec))];
  await install('one', 1_600_000_000, packages);
  await install('two', 1_650_000_000, packages.slice(2).toReversed());
  await install('two', 1_660_000_000, packages.slice(0, 2));
});
afterAll(() => removeTree(directory));

/** Not by Node, which cannot name files whose names are no UTF-8. */
async function removeTree(path: string): Promise<void> {
  await run('rm', ['-rf', path]);
}

const database = (root: string) => join(directory, root, 'usr/lib/sysimage/rpm/rpmdb.sqlite');

/** The real files too, so that `rpm -Va` has something to look at; owners and scriptlets are another matter. */
async function install(root: string, epoch: number, files: readonly string[]): Promise<void> {
  await mkdir(join(directory, root), { recursive: true });
  const how = ['--nodeps', '--noscripts', '--notriggers', '--nosignature', '--noplugins'];
  await rpm(root, ['-U', ...how, ...files], epoch);
}

async function rpm(root: string, args: readonly string[], epoch = 1): Promise<string[]> {
  const where = ['--root', join(directory, root), '--dbpath', '/usr/lib/sysimage/rpm'];
  const env = { SOURCE_DATE_EPOCH: String(epoch) };
  const { stdout } = await run('rpm', [...where, ...args], { env });
  return stdout.split('\n').filter((line) => line !== '');
}

async function canonical(root: string): Promise<Buffer> {
  const copy = `${root}-copy`;
  await removeTree(join(directory, copy));
  await run('cp', ['-a', join(directory, root), join(directory, copy)]);
  await canonicalizeDatabase(database(copy), { installTime });
  return readFile(database(copy));
}

test('reads what is installed, and leaves no trace of it', async () => {
  const folder = join(database('one'), '..');
  const before = await readdir(folder);
  const installed = await readInstalled(database('one'));
  expect(await readdir(folder)).toEqual(before);
  const expected = await Promise.all(packages.map(async (path) => (await readPackage(path)).nevra));
  expect(installed.map((it) => it.nevra).toSorted()).toEqual(expected.toSorted());
  const everything = installed.find((it) => it.name === 'everything');
  expect(everything?.files).toEqual((await readPackage(packages.at(-1) ?? '')).files);
  expect(new Set(everything?.fileStates)).toEqual(new Set(['normal']));
  expect(everything?.installTime).toBeGreaterThanOrEqual(1_600_000_000);
});

test('another reader sees the same packages', async () => {
  const { response } = await getPackagesSqlite(await canonical('one'));
  const installed = await readInstalled(database('one'));
  expect(response.map((it) => `${it.name}-${it.version}-${it.release}`).toSorted()).toEqual(
    installed.map((it) => `${it.name}-${it.version}-${it.release}`).toSorted(),
  );
});

test('order and time of the installations leave no trace', async () => {
  const [one, two] = [await canonical('one'), await canonical('two')];
  expect((await readFile(database('one'))).equals(await readFile(database('two')))).toBe(false);
  expect(one.equals(two)).toBe(true);
  await canonicalizeDatabase(database('one-copy'), { installTime });
  expect((await readFile(database('one-copy'))).equals(one)).toBe(true);
  expect((await readdir(join(database('one-copy'), '..'))).toSorted()).toEqual(['.rpm.lock', 'rpmdb.sqlite']);
});

test('what rpm still holds in its journal is not lost', async () => {
  await canonical('one');
  const open = new DatabaseSync(database('one-copy'));
  open.exec("PRAGMA journal_mode = WAL; DELETE FROM Name WHERE key = 'mid'");
  const crashed = join(directory, 'crashed');
  await mkdir(crashed);
  for (const suffix of ['', '-wal', '-shm']) {
    await copyFile(database('one-copy') + suffix, join(crashed, `rpmdb.sqlite${suffix}`));
  }
  open.close();
  await canonicalizeDatabase(join(crashed, 'rpmdb.sqlite'), { installTime });
  expect(await readdir(crashed)).toEqual(['rpmdb.sqlite']);
  const read = new DatabaseSync(join(crashed, 'rpmdb.sqlite'), { readOnly: true });
  expect(read.prepare("SELECT count(*) AS n FROM Name WHERE key = 'mid'").get()).toEqual({ n: 0 });
  read.close();
});

test('rpm reads it, verifies it and goes on with it', async () => {
  await canonical('one');
  const root = 'one-copy';
  const answers = async (of: string) => [
    await rpm(of, ['-qa', '--qf', '%{NEVRA}\n']).then((lines) => lines.toSorted()),
    await rpm(of, ['-qf', '/opt/every/hard2', '/opt/family/mid']),
    await rpm(of, ['-q', '--whatprovides', 'zeta', 'config(everything)']),
    await rpm(of, ['-q', '--whatrequires', 'bash']),
    await rpm(of, ['-q', '--whatobsoletes', 'old']),
  ];
  expect(await answers(root)).toEqual(await answers('one'));
  expect(await rpm(root, ['-qa', '--qf', '%{INSTALLTIME} %{INSTALLTID}\n'])).toEqual(
    packages.map(() => `${installTime} ${installTime}`),
  );
  expect(await rpm(root, ['-q', '--tid', String(installTime)])).toHaveLength(packages.length);
  expect(await rpm(root, ['-Va', '--nodeps', '--noscripts', '--nouser', '--nogroup'])).toEqual(
    await rpm('one', ['-Va', '--nodeps', '--noscripts', '--nouser', '--nogroup']),
  );
  await run('rpmdb', ['--root', join(directory, root), '--dbpath', '/usr/lib/sysimage/rpm', '--verifydb']);
  await install(root, 1_800_000_000, [later]);
  await rpm(root, ['-e', '--nodeps', '--noscripts', 'alpha']);
  expect(await rpm(root, ['-qa', '--qf', '%{NAME}\n']).then((lines) => lines.toSorted())).toEqual([
    'everything',
    'later',
    'mid',
    'omega',
    'zeta',
  ]);
  await run('rpmdb', ['--root', join(directory, root), '--dbpath', '/usr/lib/sysimage/rpm', '--verifydb']);
});

test('refuses a link, a missing file, and what rpm did not write', async () => {
  const invalid = { code: 'RPMDB_INVALID' };
  const path = join(directory, 'other.sqlite');
  await expect(readInstalled(path)).rejects.toMatchObject(invalid);
  await symlink(database('one'), path);
  await expect(readInstalled(path)).rejects.toMatchObject(invalid);
  await expect(canonicalizeDatabase(path, { installTime })).rejects.toMatchObject(invalid);
  await rm(path);
  await writeFile(path, 'not a database, but long enough to be looked at');
  await expect(readInstalled(path)).rejects.toMatchObject(invalid);
  for (const sql of [
    'CREATE TRIGGER t AFTER INSERT ON Packages BEGIN DELETE FROM Packages; END',
    'CREATE VIEW v AS SELECT 1',
    'CREATE TABLE extra (a)',
    'DROP TABLE Name; DROP TABLE Packages; CREATE VIEW Packages AS SELECT 1 AS hnum, 2 AS blob',
    "INSERT INTO Name VALUES ('ghost', 999, 0)",
  ]) {
    await writeFile(path, await canonical('one'));
    const tampered = new DatabaseSync(path, { enableForeignKeyConstraints: false });
    tampered.exec(sql);
    tampered.close();
    await expect(canonicalizeDatabase(path, { installTime })).rejects.toMatchObject(invalid);
  }
  expect((await readdir(directory)).filter((name) => name.startsWith('.'))).toEqual([]);
});
