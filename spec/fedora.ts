/**
 * On Fedora the packages are there as RPMs: dnf fetches the closure from the host's own repositories. Written
 * from dnf's documentation; not yet run on Fedora.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../src/lib/host/exec.ts';
import { sha256Text } from './digest.ts';
import { temporary } from './places.ts';
import { say } from './say.ts';

const packages = [
  'bash',
  'coreutils',
  'dbus',
  'httpd',
  'iproute',
  'mariadb',
  'mariadb-server',
  'nginx',
  'openssh-server',
  'openssl',
  'perl',
  'procps-ng',
  'python3',
  'rpm',
  'shadow-utils',
  'systemd',
  'util-linux',
  'valkey',
];

/** Gives the paths of the RPMs, kept in `cache`; signed by Fedora, whose signature ours replaces. */
export async function fetchFedora(cache: string): Promise<string[]> {
  const release = await fedoraRelease();
  const pool = join(cache, `rpms-${sha256Text(JSON.stringify([release, packages])).slice(0, 16)}`);
  if (!existsSync(pool)) {
    const work = await temporary('dnf');
    say(`fetching the closure of ${packages.length} packages of ${release}`);
    const options = ['--quiet', '--resolve', '--alldeps', '--setopt=install_weak_deps=False'];
    await run('dnf', ['download', ...options, `--destdir=${work}`, ...packages]);
    await mkdir(cache, { recursive: true });
    for (const old of await readdir(cache)) await rm(join(cache, old), { recursive: true });
    await rename(work, pool);
  }
  const names = (await readdir(pool)).filter((name) => /\.(x86_64|aarch64|noarch)\.rpm$/.test(name));
  return names.toSorted().map((name) => join(pool, name));
}

/** Such as fedora-43. */
export async function fedoraRelease(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8');
  const value = (name: string) => new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(text)?.[1] ?? '';
  return `${value('ID')}-${value('VERSION_ID')}`;
}
