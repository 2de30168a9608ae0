/** Tests whether a directory's file system supports overlay snapshots, which no system call reports. */
import { chmod, link, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mountShifted } from '../../lib/container/shifted.ts';
import { asSharedRoot, sharedRoot, type IdRange } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { mount, unmount, type MountSpec } from '../../lib/host/mounts.ts';
import { native, type NativeError } from '../../lib/host/native.ts';

/**
 * The options of every overlay, set explicitly because kernels have different defaults. For index see settleHardLinks.
 * Without redirect_dir, rename(2) of a lower directory fails with EXDEV. Then a %pretrans that moves a directory out of
 * the way of a link, as rpm's packaging rules require, fails or never ends. With xino a file's number would say which
 * layer of this mount it lies in, and be another one in the next mount.
 */
export const writableOptions = ['index=on', 'redirect_dir=on', 'metacopy=off', 'xino=off'] as const;
export const readOnlyOptions = ['redirect_dir=follow', 'metacopy=off', 'xino=off'] as const;

/**
 * Makes, mounts and removes a small overlay inside an existing directory. Throws HOST_MISSING with the missing feature.
 */
export async function probeOverlay(directory: string): Promise<void> {
  const place = await mkdtemp(join(directory, 'probe-'));
  try {
    await probeAttributes(directory, place);
    await probeHardLinks(directory, place);
  } finally {
    await rm(place, { recursive: true });
  }
}

async function probeAttributes(directory: string, place: string): Promise<void> {
  await mkdir(join(place, 'lower'));
  await writeFile(join(place, 'lower', 'a'), '', { mode: 0o644 });
  await link(join(place, 'lower', 'a'), join(place, 'lower', 'b'));
  await requireFeature(directory, 'user.* extended attributes', ['EOPNOTSUPP'], () =>
    native().setXattr(Buffer.from(join(place, 'lower', 'a')), 'user.milliner', Buffer.from('1')),
  );
}

async function probeHardLinks(directory: string, place: string): Promise<void> {
  const at = (name: string) => join(place, name);
  for (const name of ['upper', 'work', 'root']) await mkdir(at(name));
  const writable = { upper: at('upper'), work: at('work') };
  const spec: MountSpec = { type: 'overlay', lower: [at('lower')], writable, options: writableOptions };
  const upper = "what an overlay's upper directory needs";
  await requireFeature(directory, upper, ['EINVAL', 'EOPNOTSUPP'], () => mount(spec, at('root')));
  try {
    await chmod(at('root/a'), 0o600);
    const other = await native().lstat(at('root/b'));
    // Without file handles the kernel falls back to index=off, and reports it only in its log.
    if ((other.mode & 0o777) !== 0o600)
      throw missingFeature(directory, 'the file handles that index=on needs');
  } finally {
    await unmount(at('root'), { detach: true });
  }
}

/** As probeOverlay, for an overlay with moved owners. Throws HOST_ROOT_SHARED. */
export async function probeShifted(directory: string, ids: IdRange): Promise<void> {
  const place = await mkdtemp(join(directory, 'probe-'));
  const at = (name: string) => join(place, name);
  try {
    for (const name of ['lower', 'upper', 'work', 'root']) await mkdir(at(name));
    await writeFile(at('lower/a'), '');
    await writeFile(at('lower/acl'), '');
    const hasAcls = await allowsAcl(at('lower/acl'), 1);
    const writable = { upper: at('upper'), work: at('work') };
    const spec: MountSpec = { type: 'overlay', lower: [at('lower')], writable, options: writableOptions };
    await mountShifted(spec, at('root'), ids);
    try {
      const { uid } = await native().lstat(at('root/a'));
      if (uid !== ids.start) throw sharedRoot(`${directory} shows owners as they are`);
      // Linux before 6.2 ignores ACLs there.
      if (hasAcls && !(await allowsAcl(at('root/a'), ids.start + 1)))
        throw sharedRoot(`${directory} would lose ACLs`);
    } finally {
      await unmount(at('root'), { detach: true });
    }
  } catch (error) {
    throw asSharedRoot(error, directory);
  } finally {
    await rm(place, { recursive: true });
  }
}

/** u::rw-,u:USER:r--,g::r--,m::r--,o::r-- in the format of <linux/posix_acl_xattr.h>. */
function aclFor(user: number): Buffer {
  const undefinedId = 0xffff_ffff;
  const entries = [
    [0x01, 6, undefinedId],
    [0x02, 4, user],
    [0x04, 4, undefinedId],
    [0x10, 4, undefinedId],
    [0x20, 4, undefinedId],
  ] as const;
  const acl = Buffer.alloc(4 + 8 * entries.length);
  acl.writeUInt32LE(2, 0);
  for (const [i, [tag, permissions, id]] of entries.entries()) {
    acl.writeUInt16LE(tag, 4 + 8 * i);
    acl.writeUInt16LE(permissions, 6 + 8 * i);
    acl.writeUInt32LE(id, 8 + 8 * i);
  }
  return acl;
}

async function allowsAcl(path: string, user: number): Promise<boolean> {
  try {
    await native().setXattr(Buffer.from(path), 'system.posix_acl_access', aclFor(user));
    return true;
  } catch (error) {
    if ((error as NativeError).code === 'EOPNOTSUPP') return false;
    throw error;
  }
}

async function requireFeature(
  directory: string,
  what: string,
  codes: string[],
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw codes.includes((error as NativeError).code) ? missingFeature(directory, what, error) : error;
  }
}

function missingFeature(directory: string, what: string, cause?: unknown): MillinerError {
  return new MillinerError('HOST_MISSING', `the file system of ${directory} lacks ${what}`, {
    hint: 'Put the state directory on ext4, xfs or btrfs with --state DIR. It cannot be on an overlay.',
    cause,
    details: { path: directory },
  });
}
