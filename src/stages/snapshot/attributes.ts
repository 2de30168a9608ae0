/** The attributes of a tree's root directory, which belong to the image as those of any other directory do. */
import { chmod, lchown } from 'node:fs/promises';
import { native } from '../../lib/host/native.ts';

/** Gives one directory the owner, mode, xattrs, ACLs and mtime of another. */
export async function copyAttributes(from: string, to: string): Promise<void> {
  const [wanted, present] = await Promise.all([native().lstat(from), native().lstat(to)]);
  const path = Buffer.from(to);
  await lchown(to, wanted.uid, wanted.gid);
  // After the owner, whose change clears bits; before the ACLs, whose mask it would change.
  await chmod(to, wanted.mode & 0o7777);
  await dropAcls(to, present.xattrs ?? {}, wanted.xattrs ?? {});
  for (const [name, value] of Object.entries(wanted.xattrs ?? {})) await native().setXattr(path, name, value);
  await native().setMtime(path, wanted.mtimeSeconds, wanted.mtimeNanoseconds);
}

/** A new directory inherits its parent's default ACL: one on the state directory must not enter an image. */
export async function dropAcls(
  path: string,
  present: Record<string, Buffer>,
  retained: Record<string, Buffer> = {},
): Promise<void> {
  for (const name of Object.keys(present)) {
    if (!name.startsWith('system.posix_acl_') || name in retained) continue;
    await native().removeXattr(Buffer.from(path), name);
  }
}
