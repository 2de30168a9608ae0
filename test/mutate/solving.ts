/** One file of a sound repository exchanged, and the solver run over it as `lock` runs it. */
import type { MillinerError } from '../../src/errors.ts';
import type { OpenedRepository, RepositoryDefinition } from '../../src/repo/repository.ts';
import { solve } from '../../src/solve/solve.ts';
import type { Originals } from './originals.ts';

export interface Exchanged {
  primary?: string;
  filelists?: string;
  /** A package in a directory of its own. */
  package?: string;
}

/** Rich and weak dependencies, and files that only the file lists know. */
const words = ['app', 'old', 'plug', 'polite', 'picker', 'reader', 'needs32', '/usr/share/data/file'];

export async function solveWith(originals: Originals, exchanged: Exchanged): Promise<void> {
  const definition: RepositoryDefinition = { name: 'main', keys: [], exclude: [], gpgcheck: false };
  const repository: OpenedRepository = {
    kind: 'repomd',
    name: 'main',
    definition,
    access: {},
    bases: [],
    primary: exchanged.primary ?? originals.path('primary.xml'),
    packageUrls: (location) => [location],
    filelists: () => Promise.resolve(exchanged.filelists ?? originals.path('filelists.xml')),
    comps: () => Promise.resolve(undefined),
    modules: () => Promise.resolve(undefined),
    updateinfo: () => Promise.resolve(undefined),
  };
  const repositories: OpenedRepository[] = exchanged.package
    ? [
        {
          kind: 'rpms',
          name: 'packages',
          definition: { ...definition, name: 'packages' },
          access: {},
          bases: [],
          files: [exchanged.package],
          packageUrls: (location) => [location],
        },
        repository,
      ]
    : [repository];
  const request = { arch: 'x86_64', repositories, weakDeps: true };
  await solve({ ...request, install: words });
  // What is installed is read in the same way, but means something else; and why not everything can be.
  const installed = exchanged.package ? [exchanged.package] : [];
  await solve({ ...request, installed, install: ['*'] }).catch((error: unknown) => {
    if ((error as MillinerError).code !== 'SOLVE_FAILED') throw error;
  });
}
