/** Values and secrets that an instance reads as files: they lie in memory, and no environment or argument has them. */
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IdRange } from '../../lib/container/userns.ts';
import { mount } from '../../lib/host/mounts.ts';
import type { InstanceMount } from './instance-mount.ts';
import { StartError } from './instance.ts';
import { findUser } from './user.ts';

export interface HandedFile {
  /** In the instance. */
  path: string;
  content: string | Buffer;
  /** user:group of the image. */
  owner: string;
  /** Octal. */
  mode: string;
}

const pageBytes = 4096;

/**
 * Writes them below the directory of an instance; they go with its mounts. Throws StartError for an owner that the
 * image does not have.
 * @param ids of the instance's user namespace
 */
export async function handFiles(
  directory: string,
  files: readonly HandedFile[],
  { rootfs, ids }: { rootfs: string; ids: IdRange | undefined },
): Promise<InstanceMount[]> {
  if (files.length === 0) return [];
  const place = join(directory, 'handed');
  await mkdir(place, { mode: 0o711 });
  const pages = files.reduce(
    (sum, { content }) => sum + Math.ceil(Buffer.byteLength(content) / pageBytes),
    1,
  );
  const options = [`size=${pages * pageBytes}`, `nr_inodes=${files.length + 1}`, 'mode=711'];
  await mount({ type: 'tmpfs', source: 'handed', readonly: false, options }, place);
  const mounts: InstanceMount[] = [];
  for (const [index, { path, content, owner, mode }] of files.entries()) {
    const user = await findUser(rootfs, owner);
    if (!user) throw new StartError(`${path} is for ${owner}, which the image does not have`);
    const source = join(place, String(index));
    await writeFile(source, content, { mode: 0o600, flag: 'wx' });
    await chown(source, (ids?.start ?? 0) + user.uid, (ids?.start ?? 0) + user.gid);
    await chmod(source, Number.parseInt(mode, 8));
    mounts.push({ source, path, readonly: true });
  }
  return mounts;
}
