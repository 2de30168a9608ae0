/** The oldest safe versions of the programs that handle hostile packages and images, with the reason, for doctor. */
import { access, readFile } from 'node:fs/promises';
import { release, version as kernelWords } from 'node:os';
import { run } from '../../lib/host/exec.ts';
import { rpmvercmp } from '../../lib/rpm/version-order.ts';

export interface Minimum {
  program: 'runc' | 'crun' | 'rpm' | 'gpg' | 'kernel';
  /** First safe release of each branch, oldest branch first. Anything newer than the last is safe. */
  since: readonly string[];
  /** Versions of distributions that have the fix backported. */
  patched: readonly string[];
  reason: string;
  /** Reported as advice, not required: not all maintained distributions have it yet. */
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

/** Whether a version is safe, by its number or as a backport. */
export function isSound(version: string, { since, patched }: Pick<Minimum, 'since' | 'patched'>): boolean {
  const newest = since.at(-1)!;
  if (rpmvercmp(version, newest) >= 0) return true;
  const ofBranch = since.find((one) => branchOf(one) === branchOf(version));
  if (ofBranch !== undefined && rpmvercmp(version, ofBranch) >= 0) return true;
  return patched.some((one) => isSameLine(version, one) && rpmvercmp(version, one) >= 0);
}

const branchOf = (version: string) => version.split('.').slice(0, 2).join('.');

/**
 * Compares backports only within the same upstream release and distribution release, because distributions number them
 * differently.
 */
function isSameLine(version: string, patched: string): boolean {
  const upstream = (text: string) => text.split('-')[0];
  const distribution = (text: string) => /deb\d+|el\d+/.exec(text)?.[0];
  return upstream(version) === upstream(patched) && distribution(version) === distribution(patched);
}

/** The version of a program or of the running kernel; the distribution's version if it has one. */
export async function versionOf(program: Minimum['program']): Promise<string> {
  if (program === 'kernel') return kernelVersion(release(), kernelWords(), await ubuntuSignature());
  const { stdout } = await run(program, ['--version']);
  return (await packagedVersion(program)) ?? numberIn(stdout);
}

/**
 * Debian's kernel release is only its ABI name, and Ubuntu's has a numbering of its own. The upstream version is in
 * /proc/version and in /proc/version_signature.
 */
export function kernelVersion(name: string, words: string, signature: string | undefined): string {
  const ofUbuntu = signature?.trim().split(' ').at(-1);
  const ofDebian = /\bDebian (\d\S*)/.exec(words)?.[1];
  return ofUbuntu ?? ofDebian ?? name;
}

const ubuntuSignature = () => readFile('/proc/version_signature', 'utf8').catch(() => undefined);

const numberIn = (words: string): string => /\d+(?:\.\d+)+\S*/.exec(words)?.[0] ?? words.trim();

const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Version of the package that owns the program's file; undefined if no package does. */
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

/** Undefined if this host does not have the package manager, or if it does not know the file. */
async function ask(program: string, args: string[]): Promise<string | undefined> {
  const answer = await run(program, args, { allow: [0, 1] }).catch(() => undefined);
  return answer?.exitCode === 0 ? answer.stdout : undefined;
}
