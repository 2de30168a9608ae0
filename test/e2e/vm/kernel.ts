/** The distribution's own kernel package, unpacked and not installed, with an initramfs that finds the host's root. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { withLock } from '../../../src/lib/host/locks.ts';
import { cache } from '../../../spec/places.ts';

export interface Kernel {
  /** What QEMU loads. */
  image: string;
  initramfs: string;
  /** What lies in /lib/modules/VERSION. */
  modules: string;
}

const place = join(cache, 'vm');
const init = join(import.meta.dirname, 'initramfs.sh');
/** What is needed to see the host's root; all others are loaded from there. */
const early = ['virtio_pci', '9pnet_virtio', '9p', 'overlay'];

/** Fetches what is not there; the cloud kernel, which clouds run, has no 9p. */
export async function prepareKernel(): Promise<Kernel> {
  if (process.arch !== 'x64')
    throw new Error(`the virtual machine is written for x86-64, not ${process.arch}`);
  await mkdir(place, { recursive: true });
  return withLock(join(place, 'kernel.lock'), 'exclusive', makeKernel, { wait: true });
}

async function makeKernel(): Promise<Kernel> {
  const script = await readFile(init, 'utf8');
  const made = createHash('sha256').update(script).digest('hex').slice(0, 16);
  const existing = (await readdir(place)).find((name) => name.endsWith(`-${made}`));
  if (existing !== undefined) return kernelAt(join(place, existing));
  const work = await mkdtemp(join(place, 'new-'));
  try {
    const version = await unpack(work);
    const finished = join(place, `${version}-${made}`);
    execFileSync('depmod', ['-b', join(work, 'root'), version]);
    await makeInitramfs(work, version);
    await rename(work, finished);
    return await kernelAt(finished);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function kernelAt(directory: string): Promise<Kernel> {
  const [version = ''] = await readdir(join(directory, 'root/lib/modules'));
  return {
    image: join(directory, `root/boot/vmlinuz-${version}`),
    initramfs: join(directory, 'initramfs'),
    modules: join(directory, 'root/lib/modules', version),
  };
}

/** Gives the kernel's version. */
async function unpack(work: string): Promise<string> {
  const depends = execFileSync('apt-cache', ['depends', 'linux-image-amd64'], { encoding: 'utf8' });
  const name = /Depends: (linux-image-(\S+))/.exec(depends);
  if (!name) throw new Error('the registry has no linux-image-amd64: run apt-get update');
  // As root apt would drop its rights, and then could not write into a directory of ours.
  const quiet = ['-qq', '-o', 'APT::Sandbox::User=root'];
  try {
    execFileSync('apt-get', [...quiet, 'download', name[1]!], { cwd: work, stdio: 'pipe' });
  } catch {
    // The lists may be older than the registry.
    execFileSync('apt-get', [...quiet, 'update'], { stdio: 'pipe' });
    execFileSync('apt-get', [...quiet, 'download', name[1]!], { cwd: work, stdio: 'pipe' });
  }
  const deb = (await readdir(work)).find((file) => file.endsWith('.deb'))!;
  execFileSync('dpkg', ['-x', join(work, deb), join(work, 'root')]);
  await rm(join(work, deb));
  return name[2]!;
}

async function makeInitramfs(work: string, version: string): Promise<void> {
  const root = join(work, 'initramfs.d');
  const modules = join('lib/modules', version);
  for (const name of ['bin', 'proc', 'sys', 'dev', 'lower', 'upper', 'root', modules]) {
    await mkdir(join(root, name), { recursive: true });
  }
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  await copyFile(init, join(root, 'init'));
  await chmod(join(root, 'init'), 0o755);
  const list = ['--show-depends', '-a', '-d', join(work, 'root'), '-S', version, ...early];
  const needed = execFileSync('modprobe', list, { encoding: 'utf8' });
  for (const [, path] of needed.matchAll(/^insmod (.*\/lib\/modules\/\S+)/gm)) {
    await cp(path!, join(root, path!.slice(path!.lastIndexOf('/lib/modules/'))));
  }
  execFileSync('depmod', ['-b', root, version], { stdio: 'pipe' });
  const names = execFileSync('find', ['.'], { cwd: root });
  const archive = execFileSync('busybox', ['cpio', '-o', '-H', 'newc'], {
    cwd: root,
    input: names,
    maxBuffer: 1 << 30,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await writeFile(join(work, 'initramfs'), archive);
  await rm(root, { recursive: true });
}
