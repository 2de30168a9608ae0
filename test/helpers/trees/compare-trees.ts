/** Two trees on disk, held against each other: every attribute that an image carries. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { native, type ScanEntry } from '../../../src/lib/host/native.ts';
import { below, showBytes } from '../../../src/lib/host/paths.ts';

type Shown = Record<string, string | number>;

/** Seconds: what is younger was written by an installation that a test made, and tells when that was. */
const yesterday = Date.now() / 1000 - 86_400;
const isYoung = (time: Shown[string] | undefined) =>
  Number(time) > yesterday && Number(time) < yesterday + 2 * 86_400;

/**
 * Gives a line for each difference; paths that `isNormalised` names are left out on both sides, times of directories
 * and of what the other's installation has written too.
 */
export async function compareTrees(
  one: string,
  other: string,
  isNormalised: (path: string) => boolean,
): Promise<string[]> {
  const [a, b] = [await describeTree(one), await describeTree(other)];
  const differences: string[] = [];
  for (const path of [...new Set([...a.keys(), ...b.keys()])].toSorted()) {
    if (isNormalised(path)) continue;
    const [left, right] = [a.get(path), b.get(path)];
    if (!left || !right) differences.push(`${path}: only in ${left ? one : other}`);
    else {
      for (const key of Object.keys({ ...left, ...right })) {
        if (key === 'mtime' && isYoung(right[key])) continue;
        if (left[key] !== right[key]) differences.push(`${path}: ${key} ${left[key]} | ${right[key]}`);
      }
    }
  }
  return differences;
}

async function describeTree(root: string): Promise<Map<string, Shown>> {
  const entries = await native().scan(root);
  const names = Map.groupBy(
    entries.filter(({ links, mode }) => links > 1 && (mode & 0o170000) === 0o100000),
    ({ inode }) => inode,
  );
  return new Map(
    entries.map((entry) => {
      const mates = names.get(entry.inode) ?? [];
      return [`/${showBytes(entry.path)}`, describe(root, entry, mates)];
    }),
  );
}

function describe(root: string, entry: ScanEntry, mates: ScanEntry[]): Shown {
  const regular = (entry.mode & 0o170000) === 0o100000;
  const xattrs = Object.entries(entry.xattrs ?? {}).map(
    ([name, value]) => `${name}=${value.toString('hex')}`,
  );
  return {
    mode: entry.mode.toString(8),
    owner: `${entry.uid}:${entry.gid}`,
    target: entry.target ?? '',
    device: `${entry.deviceMajor}:${entry.deviceMinor}`,
    xattrs: xattrs.toSorted().join(' '),
    ...((entry.mode & 0o170000) !== 0o040000 && { mtime: entry.mtimeSeconds }),
    ...(regular && {
      content: createHash('sha256')
        .update(readFileSync(below(root, entry.path)))
        .digest('hex'),
      names: mates
        .map(({ path }) => showBytes(path))
        .toSorted()
        .join(' '),
    }),
  };
}
