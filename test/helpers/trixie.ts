/**
 * Clients newer than Debian 12's: cosign, skopeo and podman of Debian 13, fetched once by apt (which verifies them)
 * and unpacked into .cache/trixie. They run in a mount namespace of their own that has Debian 13's /usr in the place
 * of the host's; all else is the host's: its files, its network, and the registries that a test has on its loopback.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fetchClosure, suite } from '../../spec/debian/archive.ts';
import { sha256Text } from '../../spec/digest.ts';
import { cache, withWorkPlace } from '../../spec/places.ts';
import { run, type RunOptions, type RunResult } from '../../src/lib/host/exec.ts';

const packages = [
  'ca-certificates',
  'conmon',
  'cosign',
  'crun',
  'golang-github-containers-common',
  'netavark',
  'podman',
  'runc',
  'skopeo',
  'zstd',
];
/** Half of the bytes, and nothing that runs. */
const unneeded = ['doc', 'man', 'locale', 'info', 'i18n'];

/** A failure throws COMMAND_FAILED, as run() does, but for the exit codes in `allow`. */
export const cosign = (args: readonly string[], options?: RunOptions) => trixie('cosign', args, options);
export const skopeo = (args: readonly string[], options?: RunOptions) => trixie('skopeo', args, options);
export const podman = (args: readonly string[], options?: RunOptions) => trixie('podman', args, options);

export async function trixie(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const [wrapper, ...rest] = await trixieCommand(program, args);
  return run(wrapper, rest, options);
}

/** The same as an argument list, for a test that starts the program itself and lets it run. */
async function trixieCommand(program: string, args: readonly string[]): Promise<[string, ...string[]]> {
  const script = 'mount --bind "$0/usr" /usr && exec "$@"';
  return ['unshare', '--mount', 'sh', '-c', script, await trixieTree(), program, ...args];
}

/** The directory with the unpacked packages, complete: whoever comes while another makes it waits. */
async function trixieTree(): Promise<string> {
  const { stdout: architecture } = await run('dpkg', ['--print-architecture']);
  const key = sha256Text(JSON.stringify([suite, architecture, packages, unneeded])).slice(0, 16);
  const tree = join(cache, 'trixie', key);
  if (existsSync(tree)) return tree;
  await withWorkPlace(async () => {
    if (!existsSync(tree)) await unpack(tree);
  });
  return tree;
}

async function unpack(tree: string): Promise<void> {
  const debs = join(cache, 'trixie.debs');
  const files = (await fetchClosure(packages, debs)).map(({ path }) => path);
  const work = `${tree}.tmp`;
  await rm(join(cache, 'trixie'), { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  // Its links from /bin and /lib into /usr decide where the other packages' files go.
  const isFirst = (path: string) => basename(path).startsWith('base-files_');
  for (const path of [...files.filter(isFirst), ...files.filter((other) => !isFirst(other))]) {
    await run('dpkg-deb', ['--extract', path, work]);
  }
  for (const name of await readdir(work)) {
    if (name !== 'usr') await rm(join(work, name), { recursive: true });
  }
  for (const name of unneeded) await rm(join(work, 'usr/share', name), { recursive: true, force: true });
  await rename(work, tree);
  await rm(debs, { recursive: true });
}
