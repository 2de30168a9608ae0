/**
 * What a scriptlet leaves that no package carries: logs, caches, temporary files, and what tells one machine from
 * another. A package's own file stays; of its ghost, which it owns without content, what the scriptlet wrote goes.
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
  /** Links, devices and FIFOs too, which elsewhere are meant: /var/log/access.log may lead to /dev/stdout. */
  ofEveryKind?: true;
  /**
   * A package's ghost, with what was written to it; an empty one stays, but for `always`. Its owner and mode are what
   * the package asks for: a log of mode 0600 would come back as 0644.
   */
  ghost: 'removed' | 'emptied' | 'stays';
  always?: true;
  /** A file that a package carries, with what was written over it. */
  carried: 'emptied' | 'stays';
}

/** The first rule for a path wins; directories stay. */
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

/** containers/storage leaves it out of a layer too (archive.go, tarWriter). */
const socketReason = 'a socket: its program has ended, and no layer can hold one';

/** What becomes of an entry whose content is no package's; undefined where it stays as it is. */
export function cleanupOf(entry: TreeEntry, owners: readonly PackagedFile[]): Cleanup | undefined {
  if (isSocket(entry)) return { action: 'removed', reason: socketReason };
  const rule = rules.find(({ path }) => path.test(entry.path));
  if (!rule || !(isRegular(entry) || rule.ofEveryKind)) return undefined;
  const action = cleanupAction(rule, owners);
  // An empty file tells nothing, and an owned one has an owner and a mode to tell.
  if (action === 'stays' || (owners.length > 0 && entry.size === 0 && !rule.always)) return undefined;
  return { action, reason: rule.reason };
}

function cleanupAction({ ghost, carried }: Rule, owners: readonly PackagedFile[]) {
  if (owners.length === 0) return 'removed';
  return owners.every(({ file }) => file.flags.ghost) ? ghost : carried;
}

/** Whether it holds what the base has there: only its owner, mode or names have changed. */
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
