/**
 * A directory for one build or instance. It is removed at the end, and the next run removes it if the process was
 * killed.
 */
import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { removeGroups } from '../../lib/container/cgroups.ts';
import { removeRunDirectory } from '../../lib/container/run-directory.ts';
import { removeContainers } from '../../lib/container/runtime.ts';
import { removeSpaces } from '../../lib/container/space.ts';
import { readdirIfThere } from '../../lib/host/files.ts';
import { createOwned, takeAbandoned } from '../../lib/host/locks.ts';
import { unmountAllBelow } from '../../lib/host/mounts.ts';
import { removeTree } from '../../lib/host/remove-tree.ts';

const folder = 'work';
const contentOf = (owner: string) => `${owner}.d`;

/** Prefix of the containers and control groups of a state, so that leftovers on a host can be told apart. */
export function groupPrefix(state: string): string {
  return `milliner-${createHash('sha256').update(resolve(state)).digest('hex').slice(0, 8)}-`;
}

const idOf = (state: string, owner: string) => `${groupPrefix(state)}${basename(owner)}`;

/** Runs fn with an id that is unique on this host and a directory of its own, and cleans up however fn ends. */
export async function withWorkspace<T>(
  state: string,
  fn: (workspace: { id: string; directory: string }) => Promise<T>,
): Promise<T> {
  await mkdir(join(state, folder), { recursive: true, mode: 0o700 });
  const owner = await createOwned(join(state, folder));
  try {
    const directory = contentOf(owner.path);
    await mkdir(directory, { mode: 0o700 });
    return await fn({ id: idOf(state, owner.path), directory });
  } finally {
    await clear(owner.path);
    await rm(owner.path, { force: true });
    await owner.handle.close();
  }
}

/** Removes the workspaces of dead processes. */
export async function removeDeadWorkspaces(state: string): Promise<void> {
  const names = (await readdirIfThere(join(state, folder))) ?? [];
  for (const name of names.filter((candidate) => !candidate.endsWith('.d'))) {
    const owner = join(state, folder, name);
    await takeAbandoned(owner, () => clear(owner));
  }
}

async function clear(owner: string): Promise<void> {
  const directory = contentOf(owner);
  const found = await readdirIfThere(directory);
  if (!found) return;
  // A build from nothing has a state of its own in here, which may have been left as abruptly.
  for (const name of found) await removeDeadWorkspaces(join(directory, name));
  await removeContainers(directory);
  // An instance has a group before the runtime knows of it.
  await removeGroups(idOf(dirname(dirname(owner)), owner));
  await removeRunDirectory(idOf(dirname(dirname(owner)), owner));
  await removeSpaces(idOf(dirname(dirname(owner)), owner));
  await unmountAllBelow(directory, { detach: true });
  await removeTree(directory);
}
