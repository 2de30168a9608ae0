/** Whether a directory's file system can carry overlay snapshots: tried, because no call tells it. */
import { chmod, link, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../errors.ts';
import { mount, unmount, type MountSpec } from '../host/mounts.ts';
import { native, type NativeError } from '../host/native.ts';

/** The options of every writable overlay: see settleHardLinks for index; the others keep layers readable by any overlay. */
export const writableOptions = ['index=on', 'redirect_dir=nofollow', 'metacopy=off'] as const;
export const readOnlyOptions = ['redirect_dir=nofollow', 'metacopy=off'] as const;

/** Makes and mounts a small overlay inside an empty directory. Throws HOST_MISSING with what is lacking. */
export async function probeOverlay(directory: string): Promise<void> {
  const [lower, upper, work, root] = ['lower', 'fs', 'work', 'rootfs'].map((name) =>
    join(directory, name),
  ) as [string, string, string, string];
  for (const path of [lower, upper, work, root]) await mkdir(path);
  await writeFile(join(lower, 'a'), '', { mode: 0o644 });
  await link(join(lower, 'a'), join(lower, 'b'));
  await demand(directory, 'user.* extended attributes', ['EOPNOTSUPP', 'EPERM'], () =>
    native().setXattr(Buffer.from(join(lower, 'a')), 'user.milliner', Buffer.from('1')),
  );
  const spec: MountSpec = {
    type: 'overlay',
    lower: [lower],
    writable: { upper, work },
    options: writableOptions,
  };
  await demand(directory, "what an overlay's upper directory needs", ['EINVAL', 'EOPNOTSUPP'], () =>
    mount(spec, root),
  );
  try {
    await chmod(join(root, 'a'), 0o600);
    const other = await native().lstat(join(root, 'b'));
    // Without file handles the kernel falls back to index=off and says so only in its log.
    if ((other.mode & 0o777) !== 0o600) throw lacking(directory, 'the file handles that index=on needs');
  } finally {
    await unmount(root, { detach: true });
  }
}

async function demand(
  directory: string,
  what: string,
  codes: string[],
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw codes.includes((error as NativeError).code) ? lacking(directory, what, error) : error;
  }
}

function lacking(directory: string, what: string, cause?: unknown): MillinerError {
  return new MillinerError('HOST_MISSING', `the file system of ${directory} lacks ${what}`, {
    hint: 'Put the state directory on ext4, xfs or btrfs (--state DIR); it cannot lie on an overlay.',
    cause,
    details: { path: directory },
  });
}
