/**
 * Device nodes of packages. The kernel does not let root of a user namespace make them (mknod(2)). So rpm is told to
 * skip them, and they are made from the headers afterwards.
 */
import { chmod, lchown, mkdir, rm } from 'node:fs/promises';
import { MillinerError } from '../../lib/errors/error.ts';
import { lstatIfThere } from '../../lib/host/files.ts';
import { native } from '../../lib/host/native.ts';
import { below, showBytes, type ByteString } from '../../lib/host/paths.ts';
import { resolvePlace } from '../../lib/host/resolve-in-root.ts';
import { fileType, type RpmFile } from '../../lib/rpm/file-list.ts';
import type { RpmPackage } from '../../lib/rpm/package.ts';
import type { Owners } from './accounts.ts';

/** The nodes that rpm would make, without those that its options exclude. */
export function deviceNodesOf(packages: readonly RpmPackage[], docs: boolean) {
  return packages.flatMap(({ nevra, files }) =>
    files
      .filter(({ flags }) => !flags.ghost && (docs || !flags.doc))
      .filter(isDevice)
      .map((file) => ({ ...file, nevra })),
  );
}

const isDevice = ({ mode }: RpmFile) =>
  [fileType.character, fileType.block].some((type) => type === (mode & fileType.mask));

/**
 * The value of rpm's macro _netsharedpath: paths that rpm does not touch, with everything below them. /proc is among
 * them, because its root belongs to the host's root and no other user can change that. Throws INSTALL_FAILED for paths
 * that the macro cannot express.
 */
export function sharedPaths(packages: readonly RpmPackage[], docs: boolean): string {
  for (const { nevra, files } of packages) {
    const inside = files.find(({ path, flags }) => path.startsWith('proc/') && !flags.ghost);
    if (inside) throw invalidDevice(nevra, inside.path, 'lies in /proc, which the kernel fills');
    const colon = files.find((file) => file.path.includes(':') && isDevice(file));
    if (colon) throw invalidDevice(nevra, colon.path, 'is a device node with a colon in its name');
  }
  const nodes = deviceNodesOf(packages, docs).map(({ path }) => `/${showBytes(path)}`);
  return ['/proc', ...nodes].map((path) => path.replaceAll('%', '%%')).join(':');
}

function invalidDevice(nevra: string, path: ByteString, reason: string): MillinerError {
  return new MillinerError('INSTALL_FAILED', `${nevra}: /${showBytes(path)} ${reason}`, {
    hint: 'Exclude the package, or have it changed.',
    details: { package: nevra, path: `/${showBytes(path)}` },
  });
}

export interface NodeMaking {
  target: string;
  packages: readonly RpmPackage[];
  docs: boolean;
  owners: Owners;
}

/** Makes the nodes, and the directories above them that rpm omitted because they held nothing else. */
export async function makeDeviceNodes({ target, packages, docs, owners }: NodeMaking): Promise<void> {
  const nodes = deviceNodesOf(packages, docs);
  if (nodes.length === 0) return;
  const directories = new Map(
    packages
      .flatMap(({ files }) => files)
      .filter(({ mode }) => (mode & fileType.mask) === fileType.directory)
      .map((file) => [file.path, file]),
  );
  const setOwner = (place: Buffer, file: RpmFile | undefined) =>
    lchown(place, owners.uid(file?.user ?? 'root') ?? 0, owners.gid(file?.group ?? 'root') ?? 0);
  for (const node of nodes) {
    for (const parent of parentsOf(node.path)) {
      const place = placeIn(target, parent);
      if (await lstatIfThere(place)) continue;
      const file = directories.get(parent);
      await mkdir(place);
      await setOwner(place, file);
      await chmod(place, (file?.mode ?? 0o755) & 0o7777);
    }
    const place = placeIn(target, node.path);
    const found = await lstatIfThere(place);
    if (found?.isDirectory()) throw invalidDevice(node.nevra, node.path, 'has become a directory');
    if (found) await rm(place);
    await native().mknod(place, node.mode, node.deviceMajor, node.deviceMinor);
    await setOwner(place, node);
    await native().setMtime(place, node.mtime, 0);
  }
}

/** From the highest on. */
function parentsOf(path: ByteString): ByteString[] {
  const segments = path.split('/');
  return segments.slice(1).map((_, i) => segments.slice(0, i + 1).join('/') as ByteString);
}

function placeIn(target: string, path: ByteString): Buffer {
  const resolved = resolvePlace(target, path);
  if (resolved !== undefined) return below(target, resolved);
  throw new MillinerError('INSTALL_FAILED', `/${showBytes(path)}: symbolic links form a circle`);
}
