/** Databases of strangers are read by a process that reaches nothing but them. */
import {
  link,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { entry, headerBlob, packageEntries } from '../../helpers/rpm/synthesize.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { canonicalizeDatabase, openMade } from '../../../src/lib/rpm/canonical.ts';
import { readRows, refuseDatabase } from '../../../src/lib/rpm/database-process.ts';
import { readInstalledNames } from '../../../src/lib/rpm/database.ts';

const packagesSql = "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)";

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-database-'));
  path = join(directory, 'rpmdb.sqlite');
});
afterEach(() => rm(directory, { recursive: true }));

/** Packages of 100 KB each: all of them are in no buffer between two processes. */
function make(count: number): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec(packagesSql);
  add(database, count);
  return database;
}

function add(database: DatabaseSync, count: number): void {
  const blob = headerBlob(63, [...packageEntries([]), entry('DESCRIPTION', 'x'.repeat(100_000))]);
  const insert = database.prepare('INSERT INTO Packages (blob) VALUES (?)');
  for (let i = 0; i < count; i += 1) insert.run(blob);
}

async function readers(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const args = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const isReader = args.startsWith(process.execPath) && args.includes('/rpm/database-reader.');
    // Tests beside this one have readers too.
    const isOurs = isReader && (await stat(`/proc/${pid}/root${path}`).catch(() => undefined));
    if (isOurs) found.push(pid);
  }
  return found;
}

test('another process reads it, which has no network, and of its directory the database alone', async () => {
  make(50).close();
  await writeFile(join(directory, 'secret'), 'secret');
  const rows = readRows(path, refuseDatabase(path));
  expect((await rows.next()).value).toMatchObject({ instance: 1 });
  const [pid, ...others] = await readers();
  expect(others).toEqual([]);
  expect(await readlink(`/proc/${pid}/ns/net`)).not.toBe(await readlink('/proc/self/ns/net'));
  expect(await readdir(`/proc/${pid}/root${directory}`)).toEqual(['rpmdb.sqlite']);
  expect(await readFile(`/proc/${pid}/status`, 'utf8')).toMatch(/^CapEff:\t0+$/m);
  await rows.return(undefined);
  await expect.poll(readers).toEqual([]);
  expect(await readInstalledNames(path)).toHaveLength(50);
});

test('what is in the journal counts, and neither it nor the database is written to', async () => {
  const open = make(1);
  open.exec('PRAGMA journal_mode = WAL');
  add(open, 2);
  const kept = await Promise.all(['', '-wal'].map((suffix) => readFile(path + suffix)));
  open.close();
  for (const [i, suffix] of ['', '-wal'].entries()) await writeFile(path + suffix, kept[i]!);
  expect(await readInstalledNames(path)).toHaveLength(3);
  expect((await readdir(directory)).toSorted()).toEqual(['rpmdb.sqlite', 'rpmdb.sqlite-wal']);
  for (const [i, suffix] of ['', '-wal'].entries())
    expect((await readFile(path + suffix)).equals(kept[i]!)).toBe(true);
  await canonicalizeDatabase(path, { installTime: 1 });
  expect(await readdir(directory)).toEqual(['rpmdb.sqlite']);
  expect(await readInstalledNames(path)).toHaveLength(3);
});

test('what the reader says of a bad database names it, and nothing of ours is left', async () => {
  make(2).close();
  await truncate(path, 8192);
  const invalid = { code: 'RPMDB_INVALID', details: { path } };
  await expect(readInstalledNames(path)).rejects.toMatchObject(invalid);
  await expect(canonicalizeDatabase(path, { installTime: 1 })).rejects.toMatchObject(invalid);
  await expect(readInstalledNames(path)).rejects.toThrow(`rpm database ${path}: cannot be read (`);
  expect(await readdir(directory)).toEqual(['rpmdb.sqlite']);
});

test('a number of a row that no number of ours is', async () => {
  const database = make(1);
  database.exec('UPDATE Packages SET hnum = 9223372036854775807');
  database.close();
  await expect(readInstalledNames(path)).rejects.toMatchObject({ code: 'RPMDB_INVALID' });
});

test('what a reader that was taken over leaves in the place of the new form is refused', async () => {
  const [made, other] = [join(directory, 'made'), join(directory, 'other')];
  await writeFile(other, 'other');
  const leave: (() => unknown)[] = [
    () => undefined,
    () => symlink(other, made),
    () => link(other, made),
    () => run('mkfifo', [made]),
  ];
  for (const one of leave) {
    await one();
    await expect(openMade(made, refuseDatabase(path))).rejects.toMatchObject({ code: 'RPMDB_INVALID' });
    await rm(made, { force: true });
  }
  expect(await readFile(other, 'utf8')).toBe('other');
});
