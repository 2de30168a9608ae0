/**
 * Asks apt for the closure of a package list in Debian 13 and fetches it, without touching the host's own
 * package state: its own directories, an empty dpkg status, its own sources list. apt verifies the release
 * signature against Debian's archive keyring and every .deb against the signed indices.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/lib/host/exec.ts';
import { sha256File, sha256Text } from '../digest.ts';
import { temporary } from '../places.ts';
import { say } from '../say.ts';

export const suite = 'trixie';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface Deb {
  path: string;
  sha256: string;
}

/** The host's apt settings that decide whether and how the mirror is reached. */
const inherited = /^(Acquire::(https?|Check-|ForceIPv|Retries)|Dir::Etc::netrc)/;

/**
 * Gives the .deb files of the closure, fetched once into `cache` and then reused without the network.
 * Essential and required packages are always in the set: dependencies do not name them.
 */
export async function fetchClosure(packages: readonly string[], cache: string): Promise<Deb[]> {
  const architecture = (await run('dpkg', ['--print-architecture'])).stdout.trim();
  const key = sha256Text(JSON.stringify([suite, architecture, packages])).slice(0, 16);
  const pool = join(cache, `debs-${key}`);
  if (!existsSync(pool)) await download(packages, architecture, cache, pool);
  const files = (await readdir(pool)).filter((name) => name.endsWith('.deb')).toSorted();
  const debs: Deb[] = [];
  for (const name of files) {
    const path = join(pool, name);
    debs.push({ path, sha256: await sha256File(path) });
  }
  return debs;
}

async function download(packages: readonly string[], architecture: string, cache: string, pool: string) {
  await mkdir(cache, { recursive: true });
  const work = await temporary('apt');
  const env = { ...(await writeConfiguration(work, architecture)), ...proxies() };
  say(`reading Debian ${suite}'s package index`);
  await run('apt-get', ['update', '-qq'], { env });
  const wanted = [...new Set([...(await essentialPackages(env)), ...packages])];
  say(`fetching the closure of ${wanted.length} packages`);
  const options = ['-qq', '-y', '--no-install-recommends', '--download-only'];
  await run('apt-get', ['install', ...options, ...wanted], { env });
  const archives = join(work, 'cache/archives');
  await rm(join(archives, 'partial'), { recursive: true, force: true });
  await rm(join(archives, 'lock'), { force: true });
  for (const old of await readdir(cache)) await rm(join(cache, old), { recursive: true });
  await rename(archives, pool);
}

async function writeConfiguration(work: string, architecture: string): Promise<Record<string, string>> {
  for (const path of ['state/lists/partial', 'cache/archives/partial', 'etc/parts']) {
    await mkdir(join(work, path), { recursive: true });
  }
  const status = join(work, 'state/status');
  const sources = join(work, 'etc/debian.sources');
  await writeFile(status, '');
  await writeFile(
    sources,
    `Types: deb\nURIs: ${await mirror()}\nSuites: ${suite}\nComponents: main\nSigned-By: ${keyring}\n`,
  );
  const host = (await run('apt-config', ['dump'])).stdout.split('\n').filter((line) => inherited.test(line));
  const configuration = join(work, 'apt.conf');
  await writeFile(
    configuration,
    [
      ...host,
      `Dir::State "${work}/state";`,
      `Dir::State::status "${status}";`,
      `Dir::Cache "${work}/cache";`,
      `Dir::Etc::sourcelist "${sources}";`,
      'Dir::Etc::sourceparts "-";',
      'Dir::Etc::preferences "-";',
      'Dir::Etc::preferencesparts "-";',
      `Dir::Etc::parts "${work}/etc/parts";`,
      `APT::Architecture "${architecture}";`,
      `APT::Architectures "${architecture}";`,
      'APT::Sandbox::User "root";',
      'Acquire::Languages "none";',
      'Acquire::Retries "3";',
      // Otherwise an index that cannot be fetched is only a warning.
      'APT::Update::Error-Mode "any";',
      '',
    ].join('\n'),
  );
  return { APT_CONFIG: configuration, DEBIAN_FRONTEND: 'noninteractive' };
}

function proxies(): Record<string, string> {
  const names = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTPS_PROXY', 'NO_PROXY'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** The mirror that the host's own release comes from, which is known to be in reach. */
async function mirror(): Promise<string> {
  const release = /^VERSION_CODENAME=(\S+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  const format = '$(REPO_URI)|$(RELEASE)|$(COMPONENT)';
  const { stdout } = await run('apt-get', ['indextargets', '--no-release-info', '--format', format]);
  const rows = stdout.split('\n').map((line) => line.split('|'));
  const found = rows.find(([, suiteName, component]) => suiteName === release && component === 'main')?.[0];
  if (found) return found;
  say("the host's sources do not name its own release; using http://deb.debian.org/debian");
  return 'http://deb.debian.org/debian';
}

async function essentialPackages(env: Record<string, string>): Promise<string[]> {
  const { stdout } = await run(
    'apt-get',
    ['indextargets', '--format', '$(FILENAME)', 'Created-By: Packages'],
    { env },
  );
  const index = stdout.trim().split('\n')[0] ?? '';
  const { stdout: text } = await run('/usr/lib/apt/apt-helper', ['cat-file', index], { env });
  const names = text
    .split('\n\n')
    .filter((paragraph) => /^(Essential: yes|Priority: required)$/m.test(paragraph))
    .map((paragraph) => /^Package: (\S+)$/m.exec(paragraph)?.[1] ?? '');
  return [...new Set(names)].filter(Boolean).toSorted();
}
