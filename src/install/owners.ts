/** The image's own users and groups; the host's say nothing about it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Owners {
  uid(name: string): number | undefined;
  gid(name: string): number | undefined;
}

/** Reads passwd(5) and group(5) of a target; a missing file has no entries. */
export async function readOwners(target: string): Promise<Owners> {
  const users = await idsOf(join(target, 'etc/passwd'));
  const groups = await idsOf(join(target, 'etc/group'));
  return { uid: (name) => lookUp(users, name), gid: (name) => lookUp(groups, name) };
}

function lookUp(ids: Map<string, number>, name: string): number | undefined {
  if (name === 'root') return 0;
  return ids.get(name) ?? (/^\d{1,9}$/.test(name) ? Number(name) : undefined);
}

async function idsOf(path: string): Promise<Map<string, number>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const ids = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    // The first entry of a name wins, as in getpwnam(3).
    if (name && id && /^\d+$/.test(id) && !ids.has(name)) ids.set(name, Number(id));
  }
  return ids;
}
