/**
 * Mounts of trees for a user namespace: every owner is moved into the namespace's IDs, in both directions. Overlayfs
 * cannot move owners itself, but its layers may be mounts that do (Linux 5.19).
 */
import { mkdir, rmdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import {
  commonParent,
  makeReadOnly,
  mountOverlay,
  mountPlain,
  type MountSpec,
  type OverlaySpec,
} from '../host/mount-spec.ts';
import { asMountError, unmount } from '../host/mounts.ts';
import { native } from '../host/native.ts';
import { asSharedRoot, type IdRange } from './userns.ts';

/**
 * As mount(), with moved owners. Intermediate mounts use a directory beside the target, which is removed afterwards.
 * Throws HOST_ROOT_SHARED if the kernel or the file system refuses, otherwise the kernel's own error.
 */
export async function mountShifted(spec: MountSpec, target: string, ids: IdRange): Promise<void> {
  const aside = (name: string) => join(dirname(target), `shifted-${name}`);
  try {
    if (spec.type === 'overlay') await mountLayers(spec, target, aside, ids);
    else if (spec.type === 'bind') {
      await bind(spec.source, target, ids);
      if (spec.readonly) await makeReadOnly(target);
    } else {
      const place = aside('plain');
      await asideDuring(
        place,
        () => mountPlain(spec, place),
        () => bind(place, target, ids),
      );
    }
  } catch (error) {
    throw asMountError(asSharedRoot(error, target), spec.type, target);
  }
}

/** Overlayfs keeps copies of its layers' mounts, so the intermediate ones can go once it is mounted. */
async function mountLayers(
  { writable, ...spec }: OverlaySpec,
  target: string,
  aside: (name: string) => string,
  ids: IdRange,
): Promise<void> {
  await withShifted(spec.lower, aside('lower'), ids, async (lower) => {
    if (!writable) return mountOverlay({ ...spec, lower }, target, ids.start);
    // They may be on another file system, and must be below one mount (overlayfs.rst, "Upper and Lower").
    const above = commonParent([writable.upper, writable.work]);
    const at = (path: string) => join(aside('upper'), relative(above, path));
    const shown = { ...spec, lower, writable: { upper: at(writable.upper), work: at(writable.work) } };
    await asideDuring(
      aside('upper'),
      () => bind(above, aside('upper'), ids),
      () => mountOverlay(shown, target, ids.start),
    );
  });
}

/** Each by itself, because a bind mount of a directory above them would lack the disks that are mounted there. */
async function withShifted(
  paths: readonly string[],
  place: string,
  ids: IdRange,
  fn: (shifted: string[]) => Promise<void>,
): Promise<void> {
  const shifted: string[] = [];
  try {
    for (const [index, path] of paths.entries()) {
      const at = join(place, String(index));
      await mkdir(at, { recursive: true });
      shifted.push(at);
      await bind(path, at, ids);
    }
    await fn(shifted);
  } finally {
    for (const at of shifted) await removeAside(at);
    await rmdir(place);
  }
}

async function asideDuring(place: string, mountThere: () => Promise<void>, fn: () => Promise<void>) {
  await mkdir(place, { recursive: true });
  await mountThere();
  try {
    await fn();
  } finally {
    await removeAside(place);
  }
}

async function removeAside(place: string): Promise<void> {
  await unmount(place, { detach: true });
  // rmdir, not a recursive removal: if the unmount failed, the content would be the tree itself.
  await rmdir(place);
}

function bind(source: string, target: string, { start, size }: IdRange): Promise<void> {
  return native().bindShifted(source, target, start, size);
}
