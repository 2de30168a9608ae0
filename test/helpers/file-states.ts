/** What a directory holds, down to times and inodes: a write of any kind shows. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** By path beneath the directory. */
export function fileStates(directory: string): Record<string, string> {
  const found = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return Object.fromEntries(['.', ...found.toSorted()].map((name) => [name, stateOf(join(directory, name))]));
}

function stateOf(path: string): string {
  const status = lstatSync(path, { bigint: true });
  const { ino, mode, size, mtimeNs, ctimeNs } = status;
  // Of a disk the times say enough: it is larger than memory.
  const isRead = status.isFile() && size < 2 ** 30;
  const content = isRead ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
  return [ino, mode, size, mtimeNs, ctimeNs, content].join(' ');
}
