/**
 * The distribution's own kernel package, unpacked and not installed: for hosts that are containers, which have no
 * kernel of their own.
 */
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../../lib/errors/error.ts';
import { run } from '../../../lib/host/exec.ts';
import { withLock } from '../../../lib/host/locks.ts';

/** Paths of the host. */
export interface KernelPlace {
  version: string;
  image: string;
  modules: string;
}

const store = '/var/cache/milliner/kernel';
/** As root apt would drop its rights, and then could not write into a directory of ours. */
const quiet = ['-qq', '-o', 'APT::Sandbox::User=root'];

/** Fetches what is not there. Throws HOST_MISSING. */
export async function packagedKernel(): Promise<KernelPlace> {
  await mkdir(store, { recursive: true });
  return withLock(join(store, 'lock'), 'exclusive', findOrFetch, { wait: true });
}

async function findOrFetch(): Promise<KernelPlace> {
  const known = (await readdir(store))
    .filter((name) => name.startsWith('root-'))
    .toSorted()
    .at(-1);
  if (known !== undefined) return placeIn(join(store, known));
  const work = await mkdtemp(join(store, 'new-'));
  try {
    const version = await unpack(work);
    await run('depmod', ['-b', join(work, 'root'), version]);
    const place = join(store, `root-${version}`);
    await rename(join(work, 'root'), place);
    return await placeIn(place);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function placeIn(root: string): Promise<KernelPlace> {
  const [version = ''] = await readdir(join(root, 'lib/modules'));
  return {
    version,
    image: join(root, `boot/vmlinuz-${version}`),
    modules: join(root, 'lib/modules', version),
  };
}

/** Gives the kernel's version. The cloud kernel, which clouds run, would do too; it has no 9p for the tests. */
async function unpack(work: string): Promise<string> {
  const name = (await dependency()) ?? (await refresh(), await dependency());
  if (name === undefined) throw missing('apt has no package linux-image-amd64');
  const download = () => run('apt-get', [...quiet, 'download', `linux-image-${name}`], { cwd: work });
  // The lists may be older than the registry.
  await download()
    .catch(() => refresh().then(download))
    .catch((error: Error) => {
      throw missing(error.message);
    });
  const deb = (await readdir(work)).find((file) => file.endsWith('.deb'))!;
  await run('dpkg', ['-x', join(work, deb), join(work, 'root')]);
  return name;
}

async function dependency(): Promise<string | undefined> {
  const asked = run('apt-cache', ['depends', 'linux-image-amd64'], { allow: [0, 100] });
  const { stdout } = await asked.catch((error: Error) => {
    throw missing(error.message);
  });
  return /Depends: linux-image-(\S+)/.exec(stdout)?.[1];
}

async function refresh(): Promise<void> {
  await run('apt-get', [...quiet, 'update']);
}

function missing(reason: string): MillinerError {
  return new MillinerError('HOST_MISSING', `there is no kernel for a virtual machine: ${reason}`, {
    hint: 'Install one: apt-get install linux-image-amd64 (Debian), dnf install kernel-core (Fedora); or take an image with a kernel of its own.',
    details: { program: 'linux-image-amd64' },
  });
}
