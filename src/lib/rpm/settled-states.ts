/**
 * Corrects file states of packages, some of whose files Milliner made instead of rpm (`_netsharedpath`), once these
 * files exist. rpm also omits a directory if it omits everything in it, and so on upwards.
 */
import { fileType, readFiles } from './file-list.ts';
import type { Header, Refuse } from './header.ts';
import { headerTags } from './tags.ts';

/** rpm's RPMFILE_STATE_*: what became of a file at installation. */
export const fileStates = ['normal', 'replaced', 'notinstalled', 'netshared', 'wrongcolor'] as const;

const state = (name: (typeof fileStates)[number]) => fileStates.indexOf(name);

/** Undefined if rpm made every file. */
export function settledStates(header: Header, refuse: Refuse): number[] | undefined {
  const states = header.numbers(headerTags.FILESTATES);
  if (!states?.includes(state('netshared'))) return undefined;
  const settled = [...states];
  const files = readFiles(header, refuse).map((file, i) => ({ ...file, i }));
  const emptied = files.filter(
    ({ mode, i }) => states[i] === state('notinstalled') && (mode & fileType.mask) === fileType.directory,
  );
  const filled = new Set<string>();
  const settle = ({ path, i }: (typeof files)[number]) => {
    settled[i] = state('normal');
    filled.add(directoryOf(path));
  };
  files.filter(({ i }) => states[i] === state('netshared')).forEach(settle);
  // The deepest first: a directory with content makes those above it exist.
  for (const directory of emptied.toSorted((a, b) => depthOf(b.path) - depthOf(a.path)))
    if (filled.has(directory.path)) settle(directory);
  return settled;
}

const directoryOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')));
const depthOf = (path: string) => path.split('/').length;
