/** Attributes of a tree's root directory, which are part of the image like those of any other directory. */
import { chmod, lchown } from 'node:fs/promises';
import { native } from '../../lib/host/native.ts';

/** Copies owner, mode, xattrs, ACLs and mtime from one directory to another. */
export async function copyAttributes(from: string, to: string): Promise<void> {
  const [wanted, present] = await Promise.all([native().lstat(from), native().lstat(to)]);
  const path = Buffer.from(to);
  await lchown(to, wanted.uid, wanted.gid);
  // After the owner, whose change clears bits, and before the ACLs, whose mask chmod would change.
  await chmod(to, wanted.mode & 0o7777);
  await dropAcls(to, present.xattrs ?? {}, wanted.xattrs ?? {});
  for (const [name, value] of Object.entries(wanted.xattrs ?? {})) await native().setXattr(path, name, value);
  await native().setMtime(path, wanted.mtimeSeconds, wanted.mtimeNanoseconds);
}

/** A new directory inherits the default ACL of its parent; one of the state directory must not enter an image. */
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
