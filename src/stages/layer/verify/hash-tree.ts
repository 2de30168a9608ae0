/** The content of a tree's files as digests. Each file is read once, and those that the base has unchanged are not. */
import { createHash } from 'node:crypto';
import { hashFiles } from '../../../lib/host/hash-files.ts';
import type { DigestAlgorithm } from '../../../lib/rpm/file-list.ts';
import type { InstalledTree } from '../normalize/normalize.ts';
import { isInherited } from '../packages/packaged.ts';
import { isRegular, type TreeEntry } from '../tree.ts';
import type { EarlyDigests } from './early-digests.ts';

/** Digest of a regular file's content in an algorithm that a package uses for it. */
export type ContentOf = (entry: TreeEntry, algorithm: DigestAlgorithm) => string | undefined;

/**
 * Puts its sha256 into each regular entry. Nothing may write to the tree meanwhile. Throws the system's error if a file
 * cannot be read whole.
 */
export async function hashTree(installed: InstalledTree, early: EarlyDigests): Promise<ContentOf> {
  const others = new Map<string, string>();
  const toRead = new Map<string, TreeEntry[]>();
  const regular = [...installed.tree.values()].filter(isRegular);
  const linked = Map.groupBy(
    regular.filter(({ links }) => links > 1),
    ({ inode }) => inode,
  );
  const earlyDigest = await early.known();
  const files = [...regular.filter(({ links }) => links === 1).map((entry) => [entry]), ...linked.values()];
  for (const entries of files) {
    const algorithms = algorithmsOf(entries, installed);
    const known = knownDigest(entries[0]!, installed) ?? earlyDigest(entries[0]!);
    if (known !== undefined) for (const entry of entries) entry.sha256 = known;
    if (known !== undefined && algorithms.length === 0) continue;
    const key = ['sha256', ...algorithms].join();
    const same = toRead.get(key);
    if (same) same.push(entries[0]!);
    else toRead.set(key, [entries[0]!]);
  }
  for (const [key, entries] of toRead) {
    const algorithms = key.split(',') as DigestAlgorithm[];
    const paths = entries.map(({ path }) => path);
    const digests = await hashFiles(installed.root, paths, algorithms);
    for (const [index, first] of entries.entries()) {
      const { inode } = first;
      const [sha256, ...rest] = digests[index]!;
      for (const entry of linked.get(inode) ?? [first]) entry.sha256 = sha256!;
      for (const [at, digest] of rest.entries()) others.set(`${algorithms[at + 1]} ${inode}`, digest);
    }
  }
  return (entry, algorithm) =>
    algorithm === 'sha256' ? entry.sha256 : others.get(`${algorithm} ${entry.inode}`);
}

const digestOfNothing = createHash('sha256').digest('hex');

function knownDigest(entry: TreeEntry, { parent }: InstalledTree): string | undefined {
  if (entry.size === 0) return digestOfNothing;
  return isInherited(entry, parent) ? parent?.get(entry.path)?.sha256 : undefined;
}

/** Besides sha256, by which images name content: old packages have MD5. */
function algorithmsOf(names: readonly TreeEntry[], { packaged }: InstalledTree): DigestAlgorithm[] {
  const found = new Set<DigestAlgorithm>();
  for (const { path } of names) {
    for (const { file } of packaged.get(path) ?? [])
      if (file.digest && !file.flags.ghost) found.add(file.digest.algorithm);
  }
  found.delete('sha256');
  return [...found].toSorted();
}
