/** The oldest versions of what holds hostile packages and images, and why: a table that doctor goes by. */
import { access, readFile } from 'node:fs/promises';
import { release, version as kernelWords } from 'node:os';
import { run } from '../../lib/host/exec.ts';
import { rpmvercmp } from '../../lib/rpm/evr.ts';

export interface Minimum {
  program: 'runc' | 'crun' | 'rpm' | 'gpg' | 'kernel';
  /** First sound release of each branch, the oldest branch first; what is newer than the last is sound. */
  since: readonly string[];
  /** Versions of distributions that have the correction without the number. */
  patched: readonly string[];
  reason: string;
  /** Told, not asked for: distributions that are maintained do not all have it yet. */
  isAdvice?: true;
}

export const minimums: readonly Minimum[] = [
  {
    program: 'runc',
    since: ['1.1.12'],
    patched: ['1.1.5+ds1-1+deb12u1'],
    reason: "CVE-2024-21626: an image's working directory leads to the host's files",
  },
  {
    program: 'runc',
    since: ['1.2.8', '1.3.3'],
    patched: [],
    reason:
      "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881: a container changes the host's /proc while it starts",
    isAdvice: true,
  },
  {
    program: 'crun',
    since: ['1.4.4'],
    patched: [],
    reason: 'CVE-2022-27650: programs start with capabilities that were to be inherited only',
  },
  {
    program: 'rpm',
    since: ['4.18.0'],
    patched: ['4.16.1.3-27.el9_3'],
    reason:
      'CVE-2021-35937, CVE-2021-35938, CVE-2021-35939: links made in time lead what rpm writes to other places; CVE-2021-3521: a subkey counts that its key has not signed',
  },
  {
    program: 'gpg',
    since: ['2.2.36', '2.3.7'],
    patched: ['2.2.27-2+deb11u2', '2.3.3-2.el9_0'],
    reason: 'CVE-2022-34903: a signature can write status lines, by which signatures are judged here',
  },
  {
    program: 'kernel',
    since: ['5.10.102', '5.15.25', '5.16.11'],
    patched: ['4.18.0-348.20.1.el8_5', '5.14.0-70.13.1.el9_0'],
    reason: 'CVE-2022-0847 (Dirty Pipe): a program writes to files that it may only read',
  },
];

/** Whether a version is one that the minimum asks for, by its number or because its distribution says so. */
export function isSound(version: string, { since, patched }: Pick<Minimum, 'since' | 'patched'>): boolean {
  const newest = since.at(-1)!;
  if (rpmvercmp(version, newest) >= 0) return true;
  const ofBranch = since.find((one) => branchOf(one) === branchOf(version));
  if (ofBranch !== undefined && rpmvercmp(version, ofBranch) >= 0) return true;
  return patched.some((one) => isSameLine(version, one) && rpmvercmp(version, one) >= 0);
}

const branchOf = (version: string) => version.split('.').slice(0, 2).join('.');

/** The same upstream release in the same release of a distribution: others number their corrections in other ways. */
function isSameLine(version: string, patched: string): boolean {
  const upstream = (text: string) => text.split('-')[0];
  const distribution = (text: string) => /deb\d+|el\d+/.exec(text)?.[0];
  return upstream(version) === upstream(patched) && distribution(version) === distribution(patched);
}

/** The version of a program, or of the kernel that runs: its distribution's number where it has one. */
export async function versionOf(program: Minimum['program']): Promise<string> {
  if (program === 'kernel') return kernelVersion(release(), kernelWords(), await ubuntuSignature());
  const { stdout } = await run(program, ['--version']);
  return (await packagedVersion(program)) ?? numberIn(stdout);
}

/** Debian's release names the interface alone, Ubuntu's a version of its own; both say elsewhere what it is made from. */
export function kernelVersion(name: string, words: string, signature: string | undefined): string {
  const ofUbuntu = signature?.trim().split(' ').at(-1);
  const ofDebian = /\bDebian (\d\S*)/.exec(words)?.[1];
  return ofUbuntu ?? ofDebian ?? name;
}

const ubuntuSignature = () => readFile('/proc/version_signature', 'utf8').catch(() => undefined);

const numberIn = (words: string): string => /\d+(?:\.\d+)+\S*/.exec(words)?.[0] ?? words.trim();

const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Of the package that has the file which runs; undefined where none has it. */
async function packagedVersion(program: string): Promise<string | undefined> {
  for (const directory of directories) {
    const path = `${directory}/${program}`;
    if (!(await isThere(path))) continue;
    return (await debianVersion(path)) ?? (await rpmVersion(path));
  }
  return undefined;
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function debianVersion(path: string): Promise<string | undefined> {
  const owner = await ask('dpkg-query', ['--search', path]);
  const name = owner?.split(':')[0];
  const version = name && (await ask('dpkg-query', ['--show', '--showformat=${Version}', name]));
  return version?.replace(/^\d+:/, '');
}

const rpmVersion = (path: string) => ask('rpm', ['-qf', '--qf', '%{VERSION}-%{RELEASE}', path]);

/** Undefined where the package manager is not this host's, or knows nothing of it. */
async function ask(program: string, args: string[]): Promise<string | undefined> {
  const answer = await run(program, args, { allow: [0, 1] }).catch(() => undefined);
  return answer?.exitCode === 0 ? answer.stdout : undefined;
}
