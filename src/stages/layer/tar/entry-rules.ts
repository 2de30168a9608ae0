/**
 * Rules for entries of a layer. The writer uses them to refuse an image at build time, and the reader to refuse layers
 * of other builders, so everything that is written can be read.
 */
import { showBytes, type ByteString } from '../../../lib/host/paths.ts';
import type { TarEntry } from './tar-entry.ts';

/** Entries of one layer, whiteouts included: five times those of the largest images in all of their layers. */
export const maxEntries = 1_000_000;
/** Bytes of a path in the image: together with the tree's own path it is below PATH_MAX. */
const maxPathBytes = 3072;
/** NAME_MAX of <linux/limits.h>. */
const maxNameBytes = 255;
/** Bytes of a symbolic link's target; symlink(2) accepts no more. */
const maxTargetBytes = 4095;
/** Bytes of the extended attributes of one file in ext4, in a block of 4096 bytes. */
const maxXattrBytes = 4060;
/** chown(2) takes the number above for "no change". */
const maxId = 0xfffffffe;
/** Seconds: ext4's times end in 2446, and a time further from 1970 is invalid. */
const maxTime = 2 ** 37;
/** Names of one file; ext4's limit. */
export const maxLinks = 65_000;

/** Attributes in which overlayfs and fuse-overlayfs keep their own data. */
const overlayXattr = /^(?:trusted|user)\.(?:overlay|fuseoverlayfs)\./;

/**
 * Major and minor numbers of the devices that runtimes put into /dev (OCI runtime specification, config-linux.md,
 * "Default Devices").
 */
const allowedDevices = new Set(['1:3', '1:5', '1:7', '1:8', '1:9', '5:0', '5:1', '5:2']);

/**
 * Bytes to which a layer of this size may unpack: real layers compress less well than that, decompression bombs better.
 */
export const maxUnpackedBytes = (size: number): number => 1024 ** 3 + 100 * size;

/** The rule that an entry breaks, in words that follow its path; undefined if none. */
export function brokenRule(entry: TarEntry): string | undefined {
  for (const rule of rules) {
    const broken = rule(entry);
    if (broken !== undefined) return broken;
  }
  return undefined;
}

type Rule = (entry: TarEntry) => string | undefined;

const rules: Rule[] = [
  ({ path }) => (path.length > maxPathBytes ? `has a path of more than ${maxPathBytes} bytes` : undefined),
  ({ path }) =>
    path.split('/').some((name) => name.length > maxNameBytes)
      ? `has a name of more than ${maxNameBytes} bytes`
      : undefined,
  ({ type, linkTarget = '' }) =>
    type === 'symlink' && (linkTarget === '' || linkTarget.length > maxTargetBytes)
      ? `leads to nothing, or to more than ${maxTargetBytes} bytes`
      : undefined,
  ({ type, linkTarget = '' }) =>
    type === 'link' && linkTarget.length > maxPathBytes
      ? 'is a hard link to a path that is too long'
      : undefined,
  ({ uid, gid }) => (Math.max(uid, gid) > maxId ? 'belongs to no user or group' : undefined),
  ({ mtime }) => (Math.abs(mtime) <= maxTime ? undefined : 'has a time that is none'),
  deviceRule,
  xattrRule,
];

/** Any other device gives access to the host, and overlayfs takes 0:0 for a deletion. */
function deviceRule({ type, deviceMajor = 0, deviceMinor = 0 }: TarEntry): string | undefined {
  if (type !== 'character' && type !== 'block') return undefined;
  const numbers = `${deviceMajor}:${deviceMinor}`;
  if (type === 'character' && allowedDevices.has(numbers)) return undefined;
  return `is the ${type} device ${numbers}, which no container has`;
}

function xattrRule({ xattrs = {} }: TarEntry): string | undefined {
  let bytes = 0;
  for (const [name, value] of Object.entries(xattrs)) {
    const shown = showBytes(name.slice(0, maxNameBytes) as ByteString);
    // The key of a pax record ends at the first equals sign.
    if (/[=\0]/.test(name) || name.length > maxNameBytes)
      return `has the extended attribute ${shown}, whose name no layer can hold`;
    if (overlayXattr.test(name)) return `has the extended attribute ${shown} of a file system`;
    bytes += 16 + padded(name.length) + padded(value.length);
  }
  if (bytes <= maxXattrBytes) return undefined;
  return `has extended attributes of ${bytes} bytes, more than the ${maxXattrBytes} that every file system takes`;
}

const padded = (length: number) => Math.ceil(length / 4) * 4;
