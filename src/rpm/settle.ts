/**
 * File states of packages part of whose files were made by others than rpm (`_netsharedpath`), as they are once those
 * files are there. With its only files rpm leaves out their directory too.
 */
import { fileStates } from './database.ts';
import { fileType, readFiles } from './files.ts';
import type { Header, Refuse } from './header.ts';
import { headerTags } from './tags.ts';

const state = (name: (typeof fileStates)[number]) => fileStates.indexOf(name);

/** Undefined where rpm has made everything. */
export function settledStates(header: Header, refuse: Refuse): number[] | undefined {
  const states = header.numbers(headerTags.FILESTATES);
  if (!states?.includes(state('netshared'))) return undefined;
  const files = readFiles(header, refuse);
  const filled = new Set(
    files.filter((_, i) => states[i] === state('netshared')).map(({ path }) => directoryOf(path)),
  );
  return states.map((found, i) => {
    if (found === state('netshared')) return state('normal');
    const { path, mode } = files[i]!;
    const isDirectory = (mode & fileType.mask) === fileType.directory;
    const isEmptied = found === state('notinstalled') && isDirectory && filled.has(path);
    return isEmptied ? state('normal') : found;
  });
}

const directoryOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')));
