/**
 * Compares a file with its package's header by the rules of `rpm -V` (rpm 4.16 and later, lib/verify.c), in rpm's
 * letters. What rpm compares depends on the file that it finds: of a link the target, of a directory neither size nor
 * time.
 */
import type { ScanEntry } from '../host/native.ts';
import { capabilityText, capabilityXattr } from './capabilities.ts';
import type { FileState } from './database.ts';
import { fileType, type RpmFile } from './file-list.ts';

/** RPMVERIFY_* (rpm, include/rpm/rpmvf.h). */
const bits = {
  digest: 1 << 0,
  size: 1 << 1,
  target: 1 << 2,
  user: 1 << 3,
  group: 1 << 4,
  time: 1 << 5,
  mode: 1 << 6,
  device: 1 << 7,
  capabilities: 1 << 8,
} as const;

/** What was found at the file's path: for a directory's path that leads to one by a link, the directory. */
export interface Found {
  entry: ScanEntry;
  /** Digest of the content by the header's algorithm, hexadecimal; only for regular files. */
  digest: string | undefined;
  /** Whether other packages have the path too. Such a file has the time of only one of them. */
  isShared: boolean;
}

/** IDs of the header's names in the image. */
export interface FileOwner {
  uid: number | undefined;
  gid: number | undefined;
}

/** Whether rpm has installed the file, so that it must exist. */
export const isExpected = (state: FileState): boolean => state !== 'notinstalled' && state !== 'netshared';

/** The nine columns of rpm's line; undefined if nothing differs. */
export function differingColumns(
  file: RpmFile,
  state: FileState,
  found: Found,
  owner: FileOwner,
): string | undefined {
  const compared = comparedBits(file, state, found.entry);
  const text = columns
    .map(([letter, bit, differs]) => ((compared & bit) !== 0 && differs(file, found, owner) ? letter : '.'))
    .join('');
  return /[^.]/.test(text) ? text : undefined;
}

function comparedBits({ verifyFlags, flags }: RpmFile, state: FileState, { mode }: ScanEntry): number {
  // Another package's file is there, which the header does not describe.
  if (state === 'replaced') return 0;
  let omitted = typeOf(mode) === fileType.link ? bits.mode : bits.target;
  if (state === 'wrongcolor') omitted |= bits.digest | bits.size | bits.time | bits.device;
  if (typeOf(mode) !== fileType.regular) omitted |= bits.digest | bits.size | bits.time | bits.capabilities;
  if (flags.ghost) omitted |= bits.digest | bits.size | bits.time | bits.target;
  return verifyFlags & ~omitted;
}

const typeOf = (mode: number) => mode & fileType.mask;
const nodeTypes: number[] = [fileType.character, fileType.block];
const sized: number[] = [fileType.regular, fileType.link];
const [setUser, setGroup] = [0o4000, 0o2000];

type Differs = (file: RpmFile, found: Found, owner: FileOwner) => boolean;

/** In rpm's order. */
const columns: [letter: string, bit: number, differs: Differs][] = [
  ['S', bits.size, (file, { entry }) => entry.size !== (sized.includes(typeOf(file.mode)) ? file.size : 0)],
  ['M', bits.mode, (file, { entry }, owner) => isModeDifferent(file, entry, owner) || hasAccessList(entry)],
  ['5', bits.digest, (file, { digest }) => file.digest === undefined || digest !== file.digest.hex],
  ['D', bits.device, (file, { entry }) => isNodeDifferent(file, entry)],
  ['L', bits.target, (file, { entry }) => entry.target !== file.linkTarget],
  // rpm gives a file of an unknown owner to root.
  ['U', bits.user, (_, { entry }, { uid }) => entry.uid !== (uid ?? 0)],
  ['G', bits.group, (_, { entry }, { gid }) => entry.gid !== (gid ?? 0)],
  ['T', bits.time, (file, { entry, isShared }) => !isShared && entry.mtimeSeconds !== file.mtime],
  ['P', bits.capabilities, (file, { entry }) => areCapabilitiesDifferent(file, entry)],
];

/** Of a ghost only the permissions count. A file of an unknown owner must not run as root. */
function isModeDifferent({ mode, flags }: RpmFile, entry: ScanEntry, { uid, gid }: FileOwner): boolean {
  const expected = mode & ~(uid === undefined ? setUser : 0) & ~(gid === undefined ? setGroup : 0);
  return ((expected ^ entry.mode) & (flags.ghost ? 0o7777 : 0o177777)) !== 0;
}

/** rpm sets none, and the kernel stores none that is only another form of the mode. Debian's rpm does not look. */
const hasAccessList = ({ xattrs }: ScanEntry) => xattrs?.['system.posix_acl_access'] !== undefined;

/** Headers have 8 bits for each number. */
function isNodeDifferent({ mode, deviceMajor, deviceMinor }: RpmFile, entry: ScanEntry): boolean {
  const [expected, found] = [typeOf(mode), typeOf(entry.mode)];
  if (!nodeTypes.includes(expected) && !nodeTypes.includes(found)) return false;
  if (expected !== found) return true;
  return deviceMajor !== (entry.deviceMajor & 0xff) || deviceMinor !== (entry.deviceMinor & 0xff);
}

const capabilityName = 'security.capability';

function areCapabilitiesDifferent({ capabilities }: RpmFile, { xattrs }: ScanEntry): boolean {
  const expected = grantedBy(capabilities);
  const found = xattrs?.[capabilityName];
  return (expected && capabilityText(expected)) !== (found && capabilityText(found));
}

/** rpm takes a text that libcap rejects for none. */
function grantedBy(text: string): Buffer | undefined {
  try {
    return capabilityXattr(text, (what) => new TypeError(what));
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

const markers = [
  ['d', 'doc'],
  ['c', 'config'],
  ['s', 'specfile'],
  ['m', 'missingok'],
  ['n', 'noreplace'],
  ['g', 'ghost'],
  ['l', 'license'],
  ['r', 'readme'],
  ['a', 'artifact'],
] as const;

/** rpm's marker of the kind of file: the first that applies; '' for none. */
export function markerOf({ flags }: RpmFile): string {
  return markers.find(([, flag]) => flags[flag])?.[0] ?? '';
}
