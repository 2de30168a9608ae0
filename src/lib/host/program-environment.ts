/** What every program that Milliner starts gets as its environment; nothing is inherited from the caller's. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

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

/** Which file a program's name means, and in which state; undefined where there is none. */
export async function fileOfProgram(name: string): Promise<string | undefined> {
  for (const directory of searchPath) {
    const path = join(directory, name);
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    if (found) return `${path} ${found.dev} ${found.ino} ${found.size} ${found.ctimeNs}`;
  }
  return undefined;
}
