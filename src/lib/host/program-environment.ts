/** What every program that Milliner starts gets as its environment; nothing is inherited from the caller's. */
export const searchPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * HOME is in /proc, because root can make a directory everywhere else, and the next program would find what this one
 * left.
 */
export const programEnvironment = {
  PATH: searchPath.join(':'),
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
  HOME: '/proc/nonexistent',
};
