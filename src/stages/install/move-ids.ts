/** Changes IDs in a tree: owners of files, access control lists, users and groups. */
import { constants } from 'node:fs';
import { chmod, lchown, open } from 'node:fs/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import { native, type ScanEntry } from '../../lib/host/native.ts';
import { below } from '../../lib/host/paths.ts';
import { readInside, resolveInside } from '../../lib/host/resolve-in-root.ts';
import type { Moves, SettledIds } from './ids.ts';

const typeMask = 0o170000;
const link = 0o120000;

/** `entries`: the whole tree at `target`, as it is now. No other program may change it in the meantime. */
export async function moveIds(
  target: string,
  entries: Iterable<ScanEntry>,
  { users, groups }: SettledIds['moves'],
): Promise<void> {
  for (const { path, uid, gid, mode, xattrs = {} } of entries) {
    const place = below(target, path);
    const owner = [users.get(uid) ?? uid, groups.get(gid) ?? gid] as const;
    if (owner[0] !== uid || owner[1] !== gid) {
      await lchown(place, ...owner);
      // A change of owner clears setuid bits and capabilities.
      if ((mode & typeMask) !== link) await chmod(place, mode & 0o7777);
      const capability = xattrs['security.capability'];
      if (capability) await native().setXattr(place, 'security.capability', capability);
    }
    for (const name of ['system.posix_acl_access', 'system.posix_acl_default']) {
      const moved = xattrs[name] && movedAccess(xattrs[name], users, groups);
      if (moved) await native().setXattr(place, name, moved);
    }
  }
  await rewrite(target, 'etc/passwd', (fields) => moveField(moveField(fields, 2, users), 3, groups));
  await rewrite(target, 'etc/group', (fields) => moveField(fields, 2, groups));
}

const userEntry = 0x02;
const groupEntry = 0x08;

/**
 * An access control list with other IDs; undefined if none of them moves. Format: a version (32 bits), then entries of
 * tag (16), permissions (16) and ID (32), little-endian (linux/posix_acl_xattr.h).
 */
function movedAccess(list: Buffer, users: Moves, groups: Moves): Buffer | undefined {
  const copy = Buffer.from(list);
  for (let at = 4; at + 8 <= copy.length; at += 8) {
    const tag = copy.readUInt16LE(at);
    const moves = tag === userEntry ? users : tag === groupEntry ? groups : undefined;
    const to = moves?.get(copy.readUInt32LE(at + 4));
    if (to !== undefined) copy.writeUInt32LE(to, at + 4);
  }
  return copy.equals(list) ? undefined : copy;
}

function moveField(fields: string[], index: number, moves: Moves): string[] {
  const field = fields[index] ?? '';
  const to = /^\d+$/.test(field) ? moves.get(Number(field)) : undefined;
  return to === undefined ? fields : fields.with(index, String(to));
}

/** Written in place, so that owner, mode and attributes stay. */
async function rewrite(target: string, path: string, change: (fields: string[]) => string[]): Promise<void> {
  const text = (await readInside(target, path))?.toString('latin1') ?? '';
  const changed = text
    .split('\n')
    .map((line) => change(line.split(':')).join(':'))
    .join('\n');
  if (changed === text) return;
  const resolved = resolveInside(target, path);
  if (resolved === undefined)
    throw new MillinerError('INSTALL_FAILED', `/${path} of the image is a symbolic link`);
  const handle = await open(below(target, resolved), constants.O_WRONLY | constants.O_NOFOLLOW);
  try {
    const bytes = Buffer.from(changed, 'latin1');
    await handle.truncate(0);
    await handle.write(bytes, 0, bytes.length, 0);
  } finally {
    await handle.close();
  }
}
