/**
 * A process that makes and removes snapshots until it is killed. Each tree certifies itself: it holds a list of its
 * files' digests. What is said on stdout, or told to `note`, has happened: `+NAME` committed; `-NAME` will be removed.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { dirname, join } from 'node:path';
import type { Snapshotter } from '../../../../src/stages/snapshot/snapshotter.ts';
import { ThinSnapshotter } from '../../../../src/stages/snapshot/thin/thin.ts';

const list = 'list.json';
export type FileList = Record<string, string>;

export const digestOf = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

export async function readList(root: string): Promise<FileList> {
  return JSON.parse(await readFile(join(root, list), 'utf8')) as FileList;
}

/** Adds, changes and removes some files. */
async function change(root: string, inherits: boolean): Promise<void> {
  const files = inherits ? await readList(root) : {};
  for (let count = 0; count < 6; count++) {
    const path = `d${Math.floor(Math.random() * 3)}/f${Math.floor(Math.random() * 8)}`;
    if (Math.random() < 0.2) {
      await rm(join(root, path), { force: true });
      delete files[path];
      continue;
    }
    const data = randomBytes(Math.floor(Math.random() ** 3 * 400_000));
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), data);
    files[path] = digestOf(data);
  }
  await writeFile(join(root, list), JSON.stringify(files));
}

const most = 6;

/** Goes on for so many rounds. Snapshots that it meets are its own to build on and to remove. */
export async function churn(
  snapshots: Snapshotter,
  rounds: number,
  note: (line: string) => void | Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const all: string[] = [];
    await snapshots.walk(({ kind, name }) => void (kind === 'committed' && all.push(name)));
    const parent = Math.random() < 0.7 ? all[Math.floor(Math.random() * all.length)] : undefined;
    const name = `tree-${randomBytes(6).toString('hex')}`;
    await snapshots.prepare('work', parent);
    await change(await snapshots.mount('work'), parent !== undefined);
    await snapshots.commit(name, 'work');
    await note(`+${name}`);
    if (all.length >= most) await removeOne(snapshots, all, note);
  }
}

/** The youngest that nothing stands on, or one before. */
async function removeOne(
  snapshots: Snapshotter,
  names: readonly string[],
  note: (line: string) => void | Promise<void>,
): Promise<void> {
  const parents = new Set<string>();
  await snapshots.walk(({ parent }) => void (parent !== undefined && parents.add(parent)));
  const leaves = names.filter((name) => !parents.has(name));
  const name = leaves[Math.floor(Math.random() * leaves.length)];
  if (name === undefined) return;
  await note(`-${name}`);
  await snapshots.remove(name);
}

if (import.meta.main) {
  // Before it is killed.
  flushCompileCache();
  const snapshots = await ThinSnapshotter.open(process.argv[2]!);
  process.stdout.write('open\n');
  await churn(snapshots, 10_000, (line) => void process.stdout.write(`${line}\n`));
}
