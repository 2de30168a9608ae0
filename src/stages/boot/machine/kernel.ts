/** The kernel that a machine runs: the image's own, else the host's, else that of the distribution's package. */
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { readdirIfThere } from '../../../lib/host/files.ts';
import { readInside, resolveInside } from '../../../lib/host/resolve-in-root.ts';
import { packagedKernel, type KernelPlace } from './packaged-kernel.ts';

export interface Kernel {
  version: string;
  /** Of the image, so that QEMU and what unpacks the modules read bytes of others. */
  image: Buffer;
  /** A file of its modules, or of the lists beside them; undefined where there is none. */
  read: (path: string) => Promise<Buffer | undefined>;
}

/** Versions name files. */
const versionForm = /^[\w.+~-]{1,128}$/;

/** @param rootfs the image's tree. Throws HOST_MISSING. */
export async function findKernel(rootfs: string): Promise<Kernel> {
  const own = await kernelOfImage(rootfs);
  if (own) return own;
  const [running, ...others] = await hostKernels();
  const kernel = running ?? others[0] ?? (await packagedKernel());
  return kernelAt(kernel);
}

/** The newest one of the image, where rpm has laid it (kernel-core of Fedora). */
async function kernelOfImage(rootfs: string): Promise<Kernel | undefined> {
  const place = resolveInside(rootfs, 'usr/lib/modules');
  if (place === undefined) return undefined;
  const names = (await readdirIfThere(join(rootfs, place))) ?? [];
  for (const version of newestFirst(names.filter((name) => versionForm.test(name)))) {
    const below = (path: string) => readInside(rootfs, `usr/lib/modules/${version}/${path}`);
    const image = await below('vmlinuz');
    if (image) return { version, image, read: below };
  }
  return undefined;
}

/** The running one first, if it is there. */
async function hostKernels(): Promise<KernelPlace[]> {
  const names = (await readdirIfThere('/boot')) ?? [];
  const versions = names.flatMap((name) => /^vmlinuz-(.+)$/.exec(name)?.[1] ?? []);
  const running = versions.filter((version) => version === release());
  const others = newestFirst(versions.filter((version) => version !== release()));
  const places = [...running, ...others].map((version) => ({
    version,
    image: `/boot/vmlinuz-${version}`,
    modules: `/lib/modules/${version}`,
  }));
  const there = await Promise.all(places.map(async ({ modules }) => readdirIfThere(modules)));
  return places.filter((_, index) => there[index] !== undefined);
}

async function kernelAt({ version, image, modules }: KernelPlace): Promise<Kernel> {
  const read = (path: string) =>
    readFile(join(modules, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
  return { version, image: await readFile(image), read };
}

function newestFirst(versions: string[]): string[] {
  return versions.toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }));
}

/** For doctor: where the kernel of an image without one comes from; fetches nothing. */
export async function describeKernel(): Promise<string> {
  const [first] = await hostKernels();
  return first ? `the host's kernel ${first.version}` : "the distribution's kernel package";
}
