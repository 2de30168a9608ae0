/** What can be mounted, and the calls that do it. Only src/lib/host/mounts.ts and src/lib/container/shifted.ts call them. */
import { dirname, relative } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { native } from './native.ts';

/** From <sys/mount.h>. */
const MS_RDONLY = 0x1;
const MS_NOSUID = 0x2;
const MS_NODEV = 0x4;
const MS_REMOUNT = 0x20;
const MS_BIND = 0x1000;
const MNT_DETACH = 0x2;

/** The kernel copies one page of mount data and cuts off the rest. */
const dataLimit = 4095;

export interface OverlaySpec {
  type: 'overlay';
  /** Absolute directories, topmost first. */
  lower: readonly string[];
  /** Absent for a read-only mount. */
  writable?: { upper: string; work: string };
  options: readonly string[];
}

export interface PlainSpec {
  type: 'bind' | 'ext4' | 'xfs' | 'tmpfs' | 'proc';
  /** A directory for bind, a block device for a file system, an arbitrary word for the others. */
  source: string;
  readonly: boolean;
  /** The file system's own options; none for bind. */
  options?: readonly string[];
}

/** What to mount, without the target. */
export type MountSpec = OverlaySpec | PlainSpec;

export async function mountPlain(spec: PlainSpec, target: string): Promise<void> {
  const data = (spec.options ?? []).join(',');
  if (spec.type !== 'bind') {
    const own = spec.type === 'tmpfs' || spec.type === 'proc' ? MS_NOSUID | MS_NODEV : 0;
    const flags = own | (spec.readonly ? MS_RDONLY : 0);
    return native().mount(spec.source, target, spec.type, flags, data, '/', 0);
  }
  await native().mount(spec.source, target, '', MS_BIND, '', '/', 0);
  if (spec.readonly) await makeReadOnly(target);
}

/** A bind mount takes its flags only in a second step (mount(2)). */
export async function makeReadOnly(target: string): Promise<void> {
  try {
    await native().mount('', target, '', MS_BIND | MS_REMOUNT | MS_RDONLY, '', '/', 0);
  } catch (error) {
    await native().unmount(target, MNT_DETACH);
    throw error;
  }
}

/**
 * Names directories relative to their common parent. Otherwise 64 layers below a long path would not fit into the one
 * page of mount data, and characters of the parent's name could need escapes.
 * @param owner ID that owns the files that the overlay makes for itself, as seen in its layers
 */
export async function mountOverlay(spec: OverlaySpec, target: string, owner = 0): Promise<void> {
  const { lower, writable } = spec;
  const parent = commonParent(writable ? [...lower, writable.upper, writable.work] : lower);
  const name = (path: string) => overlayName(relative(parent, path));
  const data = [
    ...spec.options,
    `lowerdir=${lower.map(name).join(':')}`,
    ...(writable ? [`upperdir=${name(writable.upper)}`, `workdir=${name(writable.work)}`] : []),
  ].join(',');
  if (Buffer.byteLength(data) > dataLimit) {
    throw new MillinerError('INTERNAL', `${lower.length} layers are too many to mount on ${target}`);
  }
  await native().mount('overlay', target, 'overlay', writable ? 0 : MS_RDONLY, data, parent, owner);
}

/** The nearest directory that all lie below. */
export function commonParent(paths: readonly string[]): string {
  const parents = paths.map((path) => dirname(path).split('/'));
  const shared = parents.reduce((common, segments) => {
    const differs = common.findIndex((segment, index) => segment !== segments[index]);
    return differs === -1 ? common : common.slice(0, differs);
  });
  return shared.join('/') || '/';
}

function overlayName(path: string): string {
  if (!/[\\:,]/.test(path)) return path;
  throw new MillinerError('INTERNAL', `${path} cannot be named in overlay options`);
}
