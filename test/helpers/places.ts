/** Places where somebody may have the checkout. Each is made for one use, in a directory that only root may enter. */
import { chown, mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/lib/host/exec.ts';

interface Kind {
  parent: string;
  /** The last component of the path; what is plain, unless told. */
  name?: string;
  /** Makes a file system of its own in there; it is unmounted with the place. */
  mount?: (path: string) => Promise<unknown>;
  /** Who has it; root, unless told. */
  owner?: number;
}

const kinds: Record<string, Kind> = {
  'below /tmp': { parent: '/tmp' },
  'below /var/tmp': { parent: '/var/tmp' },
  'below /run': { parent: '/run' },
  'below /root': { parent: '/root' },
  'a path with spaces, capitals and more': { parent: '/var/tmp', name: "Two Words, it's 100%20 Größe" },
  'a path longer than a socket’s may be': { parent: '/var/tmp', name: 'long'.repeat(40) },
  'a tmpfs': { parent: '/mnt', mount: (path) => run('mount', ['-t', 'tmpfs', 'place', path]) },
  'an ext4 on a loop device': { parent: '/mnt', mount: mountExt4 },
  'another user’s': { parent: '/var/tmp', owner: 65_534 },
};

export const placeNames = Object.keys(kinds);

export interface Place {
  /** An empty directory. */
  path: string;
  /** Whose it is, where that is not root. */
  owner: number | undefined;
  remove: () => Promise<void>;
}

export async function makePlace(name: string): Promise<Place> {
  const { parent, name: last = 'checkout', mount, owner } = kinds[name]!;
  await mkdir(parent, { recursive: true });
  const top = await mkdtemp(join(parent, 'milliner-place-'));
  const path = join(top, last);
  await mkdir(path);
  await mount?.(path);
  if (owner !== undefined) await chown(path, owner, owner);
  const remove = async () => {
    if (mount) await run('umount', [path]);
    await rm(top, { recursive: true });
  };
  return { path, owner, remove };
}

async function mountExt4(path: string): Promise<void> {
  const disk = join(path, '../disk');
  await writeFile(disk, '');
  await truncate(disk, 6 * 1024 ** 3);
  await run('mkfs.ext4', ['-q', disk]);
  await run('mount', ['-o', 'loop', disk, path]);
}
