/** What the services of a running stack share: a network, volumes, and the values of secrets. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lib/host/exec.ts';
import { lstatIfThere } from '../../lib/host/files.ts';
import { unmount } from '../../lib/host/mounts.ts';
import { below } from '../../lib/host/paths.ts';
import { resolveInside } from '../../lib/host/resolve-in-root.ts';
import type { Handed, HandedFile } from '../../stages/boot/handed.ts';
import type { Membership } from '../../stages/boot/membership.ts';
import { PrivateNetwork } from '../../stages/boot/private-network.ts';
import type { ResolvedService } from '../../stages/recipe/resolved-stack.ts';
import { bytesOf } from '../../stages/recipe/quantities.ts';
import type { Context } from '../state/context.ts';
import { withView } from '../state/snapshots.ts';
import { openPassingVolume, openVolume, type OpenVolume } from '../state/volumes.ts';
import { withWorkspace } from '../state/workspace.ts';
import type { InstancePlace } from './instance-root.ts';
import type { StackToRun } from './resolve-stack.ts';
import { readSecrets, type Secrets } from './stack-secrets.ts';

export interface StackPlace {
  /** Removed last. */
  directory: string;
  network: PrivateNetwork;
  secrets: Secrets;
  volumes: ReadonlyMap<string, OpenVolume>;
}

/**
 * Runs fn with them, and removes them however it ends.
 * @param wanted lasting: whether volumes and made secrets are those of the state, or discarded in the end, as a test's are
 */
export async function withStackPlace<T>(
  context: Context,
  toRun: StackToRun,
  { lasting, isMachine }: { lasting: boolean; isMachine: boolean },
  fn: (place: StackPlace) => Promise<T>,
): Promise<T> {
  const { stack, secretFiles } = toRun;
  const secrets = await readSecrets(stack, secretFiles, lasting ? context.state : undefined);
  return withWorkspace(context.state, async ({ id, directory }) => {
    const volumes = new Map<string, OpenVolume>();
    const network = await PrivateNetwork.create(id);
    try {
      for (const name of Object.keys(stack.volumes))
        volumes.set(name, await openIn(context, toRun, { name, directory, lasting, isMachine }));
      return await fn({ directory, network, secrets, volumes });
    } finally {
      await network.close();
      for (const [name, volume] of volumes) {
        // Before another run mounts it: two mounts would each write to the file system as if it were alone.
        await unmount(placeOfVolume(directory, name), { detach: false });
        await volume.release();
      }
    }
  });
}

const placeOfVolume = (directory: string, name: string) => join(directory, 'volumes', name);

interface Opened {
  name: string;
  directory: string;
  lasting: boolean;
  isMachine: boolean;
}

async function openIn(
  context: Context,
  toRun: StackToRun,
  { name, directory, lasting, isMachine }: Opened,
): Promise<OpenVolume> {
  const { name: stack, volumes } = toRun.stack;
  const place = placeOfVolume(directory, name);
  await mkdir(place, { recursive: true, mode: 0o700 });
  const fill = (content: string) => fillFromImage(context, toRun, name, content);
  const options = { bytes: bytesOf(volumes[name]!.size), place, fill, isMachine };
  return lasting ? openVolume(context.state, { stack, name }, options) : openPassingVolume(options);
}

/** As with other engines: a new volume begins with what an image has at its path, with the directory's owner and mode. */
async function fillFromImage(
  context: Context,
  { stack, images }: StackToRun,
  volume: string,
  content: string,
): Promise<void> {
  for (const [service, { volumes }] of Object.entries(stack.services)) {
    const path = volumes[volume]?.path;
    if (path === undefined) continue;
    const isFilled = await withView(context, images.get(service)!.bootable.snapshot, async (root) => {
      const inside = resolveInside(root, path);
      if (inside === undefined) return false;
      const source = below(root, inside).toString();
      if (!(await lstatIfThere(source))?.isDirectory()) return false;
      await run('cp', ['--archive', '--no-target-directory', '--', source, content]);
      return true;
    });
    if (isFilled) return;
  }
}

/** By the name of its service it is found with the other instances of that; each has a name of its own, too. */
export function joinNetwork(
  { network }: StackPlace,
  service: string,
  { number, of }: { number: number; of: number },
  { ids }: InstancePlace,
  bandwidth: number | undefined,
): Membership {
  const names = of === 1 ? { name: service } : { name: `${service}-${number}`, aliases: [service] };
  return network.join({ ...names, bandwidth, ids });
}

/** The files and volumes of a service. */
export function handedTo(
  { secrets, volumes }: StackPlace,
  service: Pick<ResolvedService, 'values' | 'secrets' | 'volumes'>,
): Handed {
  const values = Object.entries(service.values).map(([path, value]): HandedFile => ({ path, ...value }));
  const secret = Object.entries(service.secrets).map(([name, file]): HandedFile => ({
    ...file,
    content: secrets.get(name)!,
  }));
  return {
    files: [...values, ...secret],
    volumes: Object.entries(service.volumes).map(([name, place]) => ({
      name,
      ...place,
      content: volumes.get(name)!.content,
    })),
  };
}
