/** What a command may not leave behind: mounts, processes, containers, control groups, temporaries. */
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../src/lib/host/exec.ts';
import { groupPrefix } from '../../src/pipeline/state/workspace.ts';

/** Everything below a state directory that should be gone, and what of the host still speaks of it; none is right. */
export async function leftovers(directory: string, state = join(directory, 'state')): Promise<string[]> {
  const found: string[] = [];
  for (const folder of ['work', 'ingest']) {
    for (const name of await names(join(state, folder))) found.push(`${folder}/${name}`);
  }
  found.push(...(await find(directory, '%P')).filter((path) => path.endsWith('.tmp')));
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  found.push(...mounts.filter((line) => line.includes(directory)));
  found.push(
    ...(await snapshotsInWork(state)),
    ...(await processesOf(directory, groupPrefix(state))),
    ...(await emptyGroups(groupPrefix(state))),
    ...(await names('/run/milliner')).filter((name) => name.startsWith(groupPrefix(state))),
  );
  return found;
}

/**
 * Path, type, mode, owner and size of everything that counts; what was fetched, verified and seen may come and go, and
 * layers that were made for later builds.
 */
export async function listing(state: string): Promise<string[]> {
  const blobs = await imageBlobs(state);
  const lines = await find(state, '%P\t%y %m %U:%G %s %l');
  const kept = lines.filter((line) => {
    const [top, , blob] = line.split('\t')[0]!.split('/');
    const comesAndGoes = ['metadata', 'seen', 'downloads', 'toolroots', 'locks', 'layers', 'frames'];
    if (comesAndGoes.includes(top ?? '')) return false;
    if (top === 'blobs' && blob !== undefined) return blobs.has(blob);
    // The database's journal, and the mark of who has it open: they hold no snapshot.
    return !/^snapshots\/overlay\/(?:metadata\.db|owners)/.test(line);
  });
  return [...kept, ...(await snapshots(state)).map((row) => JSON.stringify(row))];
}

/** Those that an image record names. */
async function imageBlobs(state: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (const name of await names(join(state, 'images'))) {
    const text = await readFile(join(state, 'images', name), 'utf8');
    for (const [, hex] of text.matchAll(/sha256:([0-9a-f]{64})/g)) found.add(hex!);
  }
  return found;
}

async function names(directory: string): Promise<string[]> {
  return existsSync(directory) ? (await readdir(directory)).toSorted() : [];
}

/** find(1), because node:fs walks through links. */
async function find(directory: string, format: string): Promise<string[]> {
  if (!existsSync(directory)) return [];
  const { stdout } = await run('find', [directory, '-mindepth', '1', '-printf', `${format}\n`]);
  return stdout.split('\n').filter(Boolean).toSorted();
}

/** Read from a copy: opening a database leaves files beside it, and there may be no room for them. */
async function snapshots(state: string): Promise<{ name: string; kind: string }[]> {
  const path = join(state, 'snapshots', 'overlay', 'metadata.db');
  if (!existsSync(path)) return [];
  const place = await mkdtemp(join(tmpdir(), 'metadata-'));
  const copy = join(place, 'metadata.db');
  for (const suffix of ['', '-wal']) await copyFile(path + suffix, copy + suffix).catch(() => undefined);
  const database = new DatabaseSync(copy);
  try {
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE name = 'snapshots'").all();
    if (tables.length === 0) return [];
    const rows = database.prepare('SELECT name, kind FROM snapshots ORDER BY name').all();
    return rows.map((row) => ({ name: String(row['name']), kind: String(row['kind']) }));
  } finally {
    database.close();
    await rm(place, { recursive: true });
  }
}

async function snapshotsInWork(state: string): Promise<string[]> {
  const rows = await snapshots(state);
  const folders = (await names(join(state, 'snapshots', 'overlay'))).filter((name) => /^\d+$/.test(name));
  const unfinished = rows.filter(({ kind }) => kind !== 'committed').map(({ name }) => `snapshot ${name}`);
  return folders.length > rows.length
    ? [...unfinished, `snapshot directories ${folders.join(' ')}`]
    : unfinished;
}

/** Processes of the command itself, of a runtime, or inside a container; one without memory is dead, or as good as dead. */
async function processesOf(directory: string, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const [command, groups, status] = await Promise.all(
      ['cmdline', 'cgroup', 'status'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')),
    );
    if (pid === String(process.pid) || !/^VmSize:/m.test(status!)) continue;
    if (!command!.includes(directory) && !groups!.includes(prefix)) continue;
    found.push(`process ${pid}: ${command!.replaceAll('\0', ' ')}`);
  }
  return found;
}

/** Control groups without a process belong to nobody; two looks, because a container of another test may just start or end. */
async function emptyGroups(prefix: string): Promise<string[]> {
  const first = await lookForEmptyGroups(prefix);
  if (first.length === 0) return [];
  await sleep(500);
  const second = new Set(await lookForEmptyGroups(prefix));
  return first.filter((path) => second.has(path));
}

async function lookForEmptyGroups(prefix: string): Promise<string[]> {
  const root = '/sys/fs/cgroup';
  const hierarchies = existsSync(join(root, 'cgroup.controllers'))
    ? [root]
    : (await readdir(root)).map((name) => join(root, name));
  const found: string[] = [];
  for (const hierarchy of hierarchies) {
    for (const name of (await readdir(hierarchy)).filter((entry) => entry.startsWith(prefix))) {
      const tasks = await readFile(join(hierarchy, name, 'cgroup.procs'), 'utf8').catch(() => 'gone');
      if (tasks === '') found.push(join(hierarchy, name));
    }
  }
  return found;
}
