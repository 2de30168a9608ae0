/** Whether what was committed is there and whole. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deepStrictEqual, ok } from 'node:assert';
import type { Snapshotter } from '../../../../src/stages/snapshot/snapshotter.ts';
import { digestOf, readList } from './churn.ts';

const directory = 0o040000;
const typeMask = 0o170000;

/** What must be there after these notes, and what may be gone. */
export function expectedAfter(notes: readonly string[]): { must: Set<string>; may: Set<string> } {
  const must = new Set<string>();
  const may = new Set<string>();
  for (const note of notes) {
    const name = note.slice(1);
    if (note.startsWith('+')) must.add(name);
    else if (note.startsWith('-')) {
      must.delete(name);
      may.add(name);
    }
  }
  return { must, may };
}

/** Every committed tree equals its own list, and all that must be there are; gives their names. */
export async function certify(snapshots: Snapshotter, must: ReadonlySet<string>): Promise<string[]> {
  const names: string[] = [];
  await snapshots.walk(({ kind, name }) => {
    ok(kind === 'committed', `${name} is ${kind}`);
    names.push(name);
  });
  for (const name of must) ok(names.includes(name), `${name} is gone`);
  for (const name of names) {
    await snapshots.view('look', name);
    const root = await snapshots.mount('look');
    const found: Record<string, string> = {};
    for (const { path, mode } of await snapshots.scan('look')) {
      if ((mode & typeMask) === directory || String(path) === 'list.json') continue;
      found[path] = digestOf(await readFile(join(root, path)));
    }
    deepStrictEqual(found, await readList(root), name);
    await snapshots.remove('look');
  }
  return names;
}

/** The next operation works. */
export async function goOn(snapshots: Snapshotter): Promise<void> {
  await snapshots.prepare('next');
  await snapshots.mount('next');
  await snapshots.commit('next', 'next');
  await snapshots.remove('next');
}
