/** Gives a container what it is handed, and tells who may read it. */
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mountShifted } from '../../lib/container/shifted.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import { mount } from '../../lib/host/mounts.ts';
import type { Handed, HandedFile } from './handed.ts';
import type { InstanceMount } from './instance-mount.ts';
import { StartError } from './instance.ts';
import { findUser } from './user.ts';

/** In a disk, the directory that an instance sees. */
export const volumeContent = 'content';

interface Place {
  rootfs: string;
  /** Of the instance's user namespace. */
  ids?: IdRange | undefined;
}

/** For a container, below the directory of the instance; all of it goes with its mounts. Throws StartError. */
export async function mountHanded(
  directory: string,
  { files, volumes }: Handed,
  place: Place,
): Promise<InstanceMount[]> {
  const mounts = await mountFiles(directory, files, place);
  for (const { name, path, readonly, content } of volumes) {
    if ('disk' in content) throw new TypeError(`the volume ${name} is for machines`);
    const source = join(directory, `volume-${name}`);
    await mkdir(source, { mode: 0o700 });
    await bind(content.directory, source, place.ids);
    mounts.push({ source, path, readonly });
  }
  return mounts;
}

function bind(source: string, target: string, ids: IdRange | undefined): Promise<void> {
  const spec = { type: 'bind' as const, source, readonly: false };
  return ids ? mountShifted(spec, target, ids) : mount(spec, target);
}

const pageBytes = 4096;

/** They lie in memory. */
async function mountFiles(
  directory: string,
  files: readonly HandedFile[],
  { rootfs, ids }: Place,
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
  for (const [index, file] of files.entries()) {
    const { uid, gid } = await ownerOf(rootfs, file);
    const source = join(place, String(index));
    await writeFile(source, file.content, { mode: 0o600, flag: 'wx' });
    await chown(source, (ids?.start ?? 0) + uid, (ids?.start ?? 0) + gid);
    await chmod(source, modeOf(file));
    mounts.push({ source, path: file.path, readonly: true });
  }
  return mounts;
}

export const modeOf = ({ mode }: HandedFile): number => Number.parseInt(mode, 8);

/** Throws StartError where the image does not have it. */
export async function ownerOf(
  rootfs: string,
  { path, owner }: HandedFile,
): Promise<{ uid: number; gid: number }> {
  const user = await findUser(rootfs, owner);
  if (!user) throw new StartError(`${path} is for ${owner}, which the image does not have`);
  return user;
}
