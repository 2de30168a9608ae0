/** dnf as a distribution's scripts call it for the tree of an image. */
import { shellWords } from '../helpers/shell-words.ts';

export interface DnfRepository {
  name: string;
  baseurl: string;
  /** Path of the key that its packages are signed with; none for packages without signatures. */
  key?: string;
  priority?: number;
}

export interface Installation {
  repositories: readonly DnfRepository[];
  /** A directory that later calls may share. */
  cache: string;
  names: readonly string[];
}

/** A command line for a shell. @param root a word of that shell */
export function dnfCommand(root: string, { repositories, cache, names }: Installation): string {
  const options = [
    '--quiet',
    '--assumeyes',
    '--disablerepo=*',
    '--releasever=1',
    '--setopt=install_weak_deps=0',
    `--setopt=cachedir=${cache}`,
    ...repositories.flatMap(repositoryOptions),
  ];
  return `dnf --installroot=${root} ${shellWords([...options, 'install', ...names])}`;
}

function repositoryOptions({ name, baseurl, key, priority = 99 }: DnfRepository): string[] {
  const signed = key === undefined ? ['gpgcheck=0'] : ['gpgcheck=1', `gpgkey=file://${key}`];
  return [
    `--repofrompath=${name},${baseurl}`,
    `--enablerepo=${name}`,
    ...[...signed, `priority=${priority}`].map((setting) => `--setopt=${name}.${setting}`),
  ];
}
