/** Users and groups from the image's own files; those of the host are never used. */
import { readInside } from '../../lib/host/resolve-in-root.ts';

export interface Owners {
  uid(name: string): number | undefined;
  gid(name: string): number | undefined;
}

/** IDs by name. */
export interface Accounts {
  users: ReadonlyMap<string, number>;
  groups: ReadonlyMap<string, number>;
}

/**
 * Reads passwd(5) and group(5) of a target; a missing file has no entries. Throws INSTALL_FAILED if one is no regular
 * file.
 */
export async function readAccounts(target: string): Promise<Accounts> {
  return {
    users: idsOf(await readInside(target, 'etc/passwd')),
    groups: idsOf(await readInside(target, 'etc/group')),
  };
}

/** Throws as readAccounts does. */
export async function readOwners(target: string): Promise<Owners> {
  const { users, groups } = await readAccounts(target);
  return { uid: (name) => lookUp(users, name), gid: (name) => lookUp(groups, name) };
}

function lookUp(ids: ReadonlyMap<string, number>, name: string): number | undefined {
  if (name === 'root') return 0;
  return ids.get(name) ?? (/^\d{1,9}$/.test(name) ? Number(name) : undefined);
}

function idsOf(file: Buffer | undefined): Map<string, number> {
  const ids = new Map<string, number>();
  for (const line of (file?.toString('utf8') ?? '').split('\n')) {
    const [name, , id] = line.split(':');
    // The first entry of a name counts, as in getpwnam(3).
    if (name && id && /^\d+$/.test(id) && !ids.has(name)) ids.set(name, Number(id));
  }
  return ids;
}
