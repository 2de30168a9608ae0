/**
 * The paths at which an image may differ from what rpm alone leaves in a plain directory, each with its reason.
 * Everything else must be equal. What the recipe adds itself (files, services) is named by each test.
 */
const normalisedPaths: { path: RegExp; reason: string }[] = [
  { path: /^\/$/, reason: 'containers/storage gives the root directory a mode of its own' },
  {
    path: /^\/(?:usr\/lib\/sysimage|var\/lib)\/rpm(?:\/|$)/,
    reason: 'the rpm database is written in one canonical form',
  },
  {
    path: /^\/var\/cache\/./,
    reason: 'files of caches are removed: they are made again on demand, and hold inode numbers',
  },
  { path: /^\/var\/log\/./, reason: 'logs of the installation tell its time and order' },
  { path: /^\/(?:var\/)?tmp\/./, reason: 'temporary files of scriptlets are removed' },
  {
    path: /^\/etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-$/,
    reason: "backups of the shadow tools' last edit are removed",
  },
  {
    path: /^\/etc\/shadow$/,
    reason: 'the day of the last password change becomes that of the newest package',
  },
  { path: /^\/etc\/machine-id$/, reason: 'empty: each instance gets its own' },
  { path: /^\/var\/lib\/dbus\/machine-id$/, reason: 'each instance has its own, in /etc' },
  { path: /^\/var\/lib\/systemd\/random-seed$/, reason: 'a seed shared by all instances is none' },
  { path: /^\/dev\/./, reason: 'the device nodes that a transaction needs are no part of the image' },
];

export const isNormalised = (path: string): boolean => normalisedPaths.some((one) => one.path.test(path));
