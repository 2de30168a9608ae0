/** What lies in the way of a package's files: rpm fails where scriptlets have made a file of a directory. */
import { lstatSync, readlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Kind } from './packages.ts';

/** For paths without links of tiny-base. */
export function roomIn(tree: string): (path: string, kind: Kind) => boolean {
  const typeAt = (path: string) => {
    try {
      return lstatSync(join(tree, path));
    } catch {
      // Not there, or behind links that lead in a circle.
      return undefined;
    }
  };
  return (path, kind) => {
    const names = path.split('/').slice(1);
    for (let depth = 1; depth < names.length; depth++) {
      const directory = `/${names.slice(0, depth).join('/')}`;
      const found = typeAt(directory);
      if (!found) return true;
      if (found.isDirectory()) continue;
      // rpm follows links of root alone. One is enough here.
      if (!found.isSymbolicLink() || found.uid !== 0) return false;
      const target = typeAt(resolve(directory, '..', readlinkSync(join(tree, directory))));
      return target?.isDirectory() === true;
    }
    const found = typeAt(path);
    return !found || found.isDirectory() === (kind === 'directory');
  };
}
