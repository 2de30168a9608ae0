/**
 * Files that a scriptlet leaves and no package contains: logs, caches, temporary files, machine identifiers. A
 * package's own file stays; of its ghost, which it owns without content, the content is removed.
 */
import type { PackagedFile } from '../packages/packaged.ts';
import { isRegular, isSocket, type TreeEntry } from '../tree.ts';

export interface Cleanup {
  action: 'removed' | 'emptied';
  reason: string;
}

interface Rule {
  path: RegExp;
  reason: string;
  /** Also links, devices and FIFOs. In other places they are intended: /var/log/access.log may lead to /dev/stdout. */
  ofEveryKind?: true;
  /**
   * What to do with a package's ghost that has content; an empty one stays, unless `always`. Its owner and mode are the
   * package's: a log of mode 0600 would otherwise be created with 0644.
   */
  ghost: 'removed' | 'emptied' | 'stays';
  always?: true;
  /** What to do with a package's file that was overwritten. */
  carried: 'emptied' | 'stays';
}

/** The first rule for a path applies; directories stay. */
const rules: Rule[] = [
  {
    path: /^var\/cache\//,
    reason: 'a cache is made again on demand, and holds inode numbers and times',
    ghost: 'emptied',
    carried: 'stays',
  },
  {
    path: /^var\/log\//,
    reason: 'a log of the installation tells its time and order',
    ghost: 'emptied',
    carried: 'stays',
  },
  {
    path: /^(?:var\/)?tmp\//,
    reason: 'a temporary file of a scriptlet',
    ofEveryKind: true,
    ghost: 'stays',
    carried: 'stays',
  },
  {
    path: /^etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-$/,
    reason: "a backup of the shadow tools' last edit",
    ghost: 'removed',
    carried: 'stays',
  },
  {
    path: /(?:^|\/)\.rpm\.lock$/,
    reason: 'the lock of the transaction that made the image',
    ghost: 'removed',
    always: true,
    carried: 'stays',
  },
  {
    path: /^(?:var\/lib\/(?:(?:systemd|urandom|misc)\/)?|(?:boot|efi|boot\/efi)\/loader\/)random-seed$/,
    reason: 'a seed shared by all instances is none',
    ghost: 'removed',
    carried: 'emptied',
  },
  {
    path: /^var\/lib\/dbus\/machine-id$/,
    reason: 'each instance has its own machine-id, in /etc',
    ghost: 'removed',
    carried: 'emptied',
  },
];

/** containers/storage omits sockets from layers too (archive.go, tarWriter). */
const socketReason = 'a socket: its program has ended, and no layer can hold one';

/** The action for an entry whose content is not from a package; undefined if it stays. */
export function cleanupOf(entry: TreeEntry, owners: readonly PackagedFile[]): Cleanup | undefined {
  if (isSocket(entry)) return { action: 'removed', reason: socketReason };
  const rule = rules.find(({ path }) => path.test(entry.path));
  if (!rule || !(isRegular(entry) || rule.ofEveryKind)) return undefined;
  const action = cleanupAction(rule, owners);
  // An empty file leaks nothing, and one that a package owns has an owner and a mode to keep.
  if (action === 'stays' || (owners.length > 0 && entry.size === 0 && !rule.always)) return undefined;
  return { action, reason: rule.reason };
}

function cleanupAction({ ghost, carried }: Rule, owners: readonly PackagedFile[]) {
  if (owners.length === 0) return 'removed';
  return owners.every(({ file }) => file.flags.ghost) ? ghost : carried;
}

/** Whether it has the base's content, and only owner, mode or names have changed. */
export function hasContentOf(entry: TreeEntry, before: TreeEntry | undefined): boolean {
  return (
    before !== undefined &&
    entry.mode >> 12 === before.mode >> 12 &&
    entry.size === before.size &&
    entry.target === before.target &&
    entry.mtimeSeconds === before.mtimeSeconds &&
    entry.mtimeNanoseconds === before.mtimeNanoseconds
  );
}
