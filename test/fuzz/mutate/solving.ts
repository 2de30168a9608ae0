/** One file of a sound repository exchanged, and the solver run over it as `lock` runs it. */
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { MillinerError } from '../../../src/lib/errors/error.ts';
import type { OpenedRepository } from '../../../src/stages/repo/repository.ts';
import { solveNatively } from '../../../src/stages/solve/addon.ts';
import { solve, type Solution } from '../../../src/stages/solve/solve.ts';
import type { Originals } from './original-files.ts';

export interface Exchanged {
  primary?: string;
  filelists?: string;
  /** A package in a directory of its own, which is installed as well. */
  package?: string;
  /** Package files. */
  installed?: readonly string[];
}

/** Rich and weak dependencies, and files that only the file lists know. */
const words = ['app', 'old', 'plug', 'polite', 'picker', 'reader', 'needs32', '/usr/share/data/file'];

/** What is installed is read as other packages are, but means something else. */
export async function solveWith(originals: Originals, exchanged: Exchanged): Promise<Solution> {
  const repositories = [await sound(originals, exchanged)];
  if (exchanged.package !== undefined) repositories.push(directoryOf(exchanged.package));
  // In this process, where faults of memory are seen.
  const request = { arch: 'x86_64', repositories, weakDeps: true, solver: solveNatively };
  const solution = await solve({ ...request, install: words, installed: exchanged.installed ?? [] });
  const installed = exchanged.package === undefined ? [] : [exchanged.package];
  // Not everything can be: there is something to explain.
  await solve({ ...request, installed, install: ['*'] }).catch((error: unknown) => {
    if ((error as MillinerError).code !== 'SOLVE_FAILED') throw error;
  });
  return solution;
}

const common = (name: string) => ({
  name,
  definition: { name, keys: [], exclude: [], gpgcheck: false },
  access: {},
  bases: [],
  packageUrls: (location: string) => [location],
});

async function sound(originals: Originals, { primary, filelists }: Exchanged): Promise<OpenedRepository> {
  let own = filelists ?? originals.path('filelists.xml');
  if (primary !== undefined) {
    // What is cached of file lists goes by the names of both, which are checksums elsewhere.
    own = join(dirname(primary), 'filelists.xml');
    await copyFile(originals.path('filelists.xml'), own);
  }
  return {
    ...common('main'),
    kind: 'repomd',
    primary: primary ?? originals.path('primary.xml'),
    filelists: () => Promise.resolve(own),
    comps: () => Promise.resolve(undefined),
    modules: () => Promise.resolve(undefined),
    updateinfo: () => Promise.resolve(undefined),
  };
}

function directoryOf(file: string): OpenedRepository {
  return { ...common('packages'), kind: 'rpms', files: [file] };
}
