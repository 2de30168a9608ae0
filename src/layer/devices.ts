/** Device nodes in images: those that every container has anyway say nothing; any other opens a part of the host. */
import type { TarEntry } from './tar.ts';

/** Major and minor of what runtimes put into /dev (OCI runtime specification, config-linux.md, "Default Devices"). */
const usual: Record<string, readonly [major: number, minor: number]> = {
  'dev/null': [1, 3],
  'dev/zero': [1, 5],
  'dev/full': [1, 7],
  'dev/random': [1, 8],
  'dev/urandom': [1, 9],
  'dev/tty': [5, 0],
  'dev/console': [5, 1],
  'dev/ptmx': [5, 2],
};

export function isUsualDevice({ path, type, deviceMajor, deviceMinor }: TarEntry): boolean {
  const [major, minor] = usual[path] ?? [];
  return type === 'character' && major === deviceMajor && minor === deviceMinor;
}
