/** One disk as three, for a state directory and the pool's two devices, under names that stay. */
import { mkdir, rm, symlink } from 'node:fs/promises';
import { createDevice, removeDevice } from '../../../../src/lib/host/device-mapper.ts';
import { mount, unmount } from '../../../../src/lib/host/mounts.ts';

const place = '/run/split';
const mebibyte = 2048;
const parts = { state: [0, 64], metadata: [64, 32], data: [96, 300] } as const;
export const splitMebibytes = 396;

export const paths = { state: `${place}/mounted`, metadata: `${place}/metadata`, data: `${place}/data` };

/** Of a block device of splitMebibytes. */
export async function split(disk: string): Promise<void> {
  await mkdir(paths.state, { recursive: true });
  for (const [name, [start, length]] of Object.entries(parts)) {
    const params = `${disk} ${start * mebibyte}`;
    const table = [{ start: 0, length: length * mebibyte, type: 'linear', params }];
    const { path } = await createDevice(`split-${name}`, `SPLIT-${name}`, table);
    const link = `${place}/${name}`;
    await rm(link, { force: true });
    await symlink(path, link);
  }
}

export async function mountState(): Promise<void> {
  await mount({ type: 'ext4', source: `${place}/state`, readonly: false }, paths.state);
}

export async function unsplit(): Promise<void> {
  await unmount(paths.state, { detach: false });
  for (const name of Object.keys(parts)) {
    if (!(await removeDevice(`split-${name}`))) throw new Error(`split-${name} is in use`);
  }
}
