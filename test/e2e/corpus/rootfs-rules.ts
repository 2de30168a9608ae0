/** Why a path of an image may differ from what rpm left: the rules of normalisation, as README.md lists them. */
import type { ImageRecord } from '../../../src/pipeline/state/image-records.ts';
import type { Row } from './rootfs-tree.ts';

/** The truth was installed by dnf, and its list leaves out what begins like the rpm database. */
const ofTheTruth = {
  theirs: {
    path: /^\/(?:etc|var\/lib)\/dnf(?:\/|$)/,
    reason: 'dnf itself made it, which installed the truth',
  },
  ours: { path: /^\/var\/lib\/rpm/, reason: 'the truth leaves out what begins with /var/lib/rpm' },
};

const onlyTheirs: { path: RegExp; reason: string }[] = [
  { path: /^\/(?:var\/)?tmp\/./, reason: 'leftovers in temporary directories are removed' },
  { path: /^\/var\/cache\/./, reason: 'caches are removed' },
  { path: /^\/var\/log\/./, reason: 'logs of the installation are removed' },
  {
    path: /^\/etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-$/,
    reason: 'backups of the last edit are removed',
  },
  { path: /^\/var\/lib\/(?:systemd\/random-seed|dbus\/machine-id)$/, reason: 'it belongs to one machine' },
  { path: /^\/(?:dev|proc)\/./, reason: 'what a transaction needs of /dev and /proc is no part of an image' },
];

const database = /^\/(?:(?:usr\/lib\/sysimage|var\/lib)\/rpm|root\/\.rpmdb)(?:\/|$)/;

/** The rule that allows the difference; undefined where none does. `times`: what packages give to each path. */
export function ruleFor(
  path: string,
  ours: Row | undefined,
  theirs: Row | undefined,
  record: ImageRecord,
  times: ReadonlyMap<string, ReadonlySet<number>>,
): string | undefined {
  if (database.test(path)) return 'the rpm database is written in one form, where the packages have it';
  const isPackaged = times.has(path);
  const normalised = record.report.normalised.find((one) => one.path === path);
  if (!theirs) {
    if (normalised?.action === 'added') return normalised.reason;
    return isPackaged && ofTheTruth.ours.path.test(path) ? ofTheTruth.ours.reason : undefined;
  }
  if (!ours) {
    const key = record.report.removedKeys.some((one) => one.path === path);
    if (key) return 'a private key that a scriptlet made is removed';
    if (isPackaged) return undefined;
    if (ofTheTruth.theirs.path.test(path)) return ofTheTruth.theirs.reason;
    return onlyTheirs.find((rule) => rule.path.test(path))?.reason;
  }
  const changed = (Object.keys(theirs) as (keyof Row)[]).filter((key) => ours[key] !== theirs[key]);
  const rewritten: (keyof Row)[] = ['sha256', 'size', 'mtime'];
  if (normalised && changed.every((key) => rewritten.includes(key))) return `content: ${normalised.reason}`;
  const packaged = times.get(path)?.has(Number(theirs.mtime)) ?? false;
  const isTime = changed.length === 1 && changed[0] === 'mtime' && !packaged;
  return isTime && Number(ours.mtime) === record.epoch
    ? 'files that no package carries have the time of the newest package'
    : undefined;
}
