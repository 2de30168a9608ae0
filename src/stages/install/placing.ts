/** Writes the recipe's own directories, links and files into the installed tree. */
import { chmod, lchown, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import { asStorageError, lstatIfThere } from '../../lib/host/files.ts';
import { below, type ByteString } from '../../lib/host/paths.ts';
import { resolveParents } from '../../lib/host/resolve-in-root.ts';
import { readOwners, type Owners } from './accounts.ts';

interface OwnedPath {
  path: string;
  /** user:group, by the image's names. */
  owner: string;
}

interface DirectoryToMake extends OwnedPath {
  /** Octal. */
  mode: string;
}

interface LinkToMake extends OwnedPath {
  target: string;
}

export interface FileToWrite extends OwnedPath {
  content: string;
  /** Octal. */
  mode: string;
}

export interface ToPlace {
  directories: DirectoryToMake[];
  symlinks: LinkToMake[];
  files: FileToWrite[];
}

/**
 * Links in a path are followed inside the image; missing directories are made 0755 root:root. The order lets a file be
 * in a directory of the recipe, or behind a link of it. Throws RECIPE_INVALID and OWNER_UNKNOWN.
 */
export async function placeAll(target: string, { directories, symlinks, files }: ToPlace): Promise<void> {
  const owners = await readOwners(target);
  const usedPaths = new Map<string, string>();
  for (const one of directories) {
    await placeOne(
      { target, owners, taken: usedPaths, kind: 'directories', one, isDirectory: true },
      async (place) => {
        if (!(await lstatIfThere(place))) await mkdir(place, 0o700);
      },
    );
  }
  for (const one of symlinks) {
    await placeOne({ target, owners, taken: usedPaths, kind: 'symlinks', one }, async (place) => {
      await rm(place, { force: true });
      await symlink(one.target, place);
    });
  }
  for (const one of files) {
    await placeOne({ target, owners, taken: usedPaths, kind: 'files', one }, async (place) => {
      await rm(place, { force: true });
      await writeFile(place, one.content, { flag: 'wx', mode: 0o600 });
    });
  }
}

interface Placing {
  target: string;
  owners: Owners;
  /** The recipe's own paths that were already written, by the resolved path. */
  taken: Map<string, string>;
  /** The key in the recipe. */
  kind: keyof ToPlace;
  one: OwnedPath & { mode?: string };
  isDirectory?: boolean;
}

async function placeOne(placing: Placing, make: (place: Buffer) => Promise<void>): Promise<void> {
  const { owners, kind, one } = placing;
  const [user, group] = one.owner.split(':') as [string, string];
  const uid = owners.uid(user);
  const gid = owners.gid(group);
  if (uid === undefined || gid === undefined) {
    const missing = uid === undefined ? `user ${user}` : `group ${group}`;
    throw new MillinerError('OWNER_UNKNOWN', `${kind}: ${one.path}: the image has no ${missing}`, {
      hint: 'Name a user and group that a package of the recipe creates.',
    });
  }
  const place = await placeFor(placing);
  try {
    await make(place);
  } catch (error) {
    throw asStorageError(error, place.toString());
  }
  // The owner first, because a change of owner clears the setuid bit.
  await lchown(place, uid, gid);
  if (one.mode !== undefined) await chmod(place, Number.parseInt(one.mode, 8));
}

async function placeFor({
  target,
  taken,
  kind,
  one: { path },
  isDirectory = false,
}: Placing): Promise<Buffer> {
  const resolved = resolveParents(target, path);
  if (resolved === undefined)
    throw new MillinerError('RECIPE_INVALID', `${kind}: ${path}: symbolic links form a circle`);
  const before = taken.get(resolved);
  if (before !== undefined)
    throw new MillinerError('RECIPE_INVALID', `${kind}: ${path}: the image has ${before} at the same place`);
  taken.set(resolved, path);
  const segments = resolved.split('/');
  for (let depth = 1; depth < segments.length; depth++) {
    await makeParent(below(target, segments.slice(0, depth).join('/') as ByteString), `${kind}: ${path}`);
  }
  const place = below(target, resolved);
  const found = await lstatIfThere(place);
  if (found && found.isDirectory() !== isDirectory) {
    const there = found.isDirectory() ? 'directory' : found.isSymbolicLink() ? 'link' : 'file';
    throw new MillinerError('RECIPE_INVALID', `${kind}: ${path}: a ${there} is there`);
  }
  return place;
}

async function makeParent(path: Buffer, wanted: string): Promise<void> {
  const found = await lstatIfThere(path);
  if (!found) {
    await mkdir(path);
    await chmod(path, 0o755);
  } else if (!found.isDirectory()) {
    throw new MillinerError('RECIPE_INVALID', `${wanted}: ${path.toString()} is not a directory`);
  }
}
