/** What a machine is handed: files go with its settings, and each volume is a disk of its own. */
import type { Handed } from '../handed.ts';
import { modeOf, ownerOf, volumeContent } from '../handed-files.ts';
import type { GuestDisk } from './qemu-words.ts';

/** Settings of the agent: files with their owners, disks, and the mounts in the image. */
export interface HandedSettings {
  handed: string[];
  volumes: string[];
  mounts: { type: string; source: string; destination: string; options: string[] }[];
}

/** Throws StartError for an owner that the image does not have. */
export async function handedSettings(rootfs: string, { files, volumes }: Handed): Promise<HandedSettings> {
  const handed = await Promise.all(
    files.map(async (file) => {
      const { uid, gid } = await ownerOf(rootfs, file);
      return [uid, gid, modeOf(file), Buffer.from(file.content).toString('hex')].join('\n');
    }),
  );
  const mounted = (source: string, destination: string, readonly: boolean) => ({
    type: 'bind',
    source,
    destination,
    options: ['bind', readonly ? 'ro' : 'rw', 'nosuid', 'nodev'],
  });
  return {
    handed,
    volumes: volumes.map(({ readonly }, index) => `${serialOf(index)}\n${readonly ? 'ro' : 'rw'}`),
    mounts: [
      ...files.map(({ path }, index) => mounted(`handed/${index}`, path, true)),
      ...volumes.map(({ path, readonly }, index) =>
        mounted(`volumes/${serialOf(index)}/${volumeContent}`, path, readonly),
      ),
    ],
  };
}

/** QEMU locks them: two machines cannot write to one, by mistake. */
export function volumeDisks({ volumes }: Handed): GuestDisk[] {
  return volumes.map(({ name, readonly, content }, index) => {
    if (!('disk' in content)) throw new TypeError(`the volume ${name} is for containers`);
    return { file: content.disk, serial: serialOf(index), readonly, isLasting: true };
  });
}

const serialOf = (index: number) => `volume${index}`;
