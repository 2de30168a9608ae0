/** Loop devices (loop(4)): files as block devices. */
import { close } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { promisify } from 'node:util';
import { MillinerError } from '../errors/error.ts';
import { run } from './exec.ts';
import { lstatIfThere, readTextIfThere } from './files.ts';
import { native } from './native.ts';

const closeDescriptor = promisify(close);

/** Gives the device; a file that is attached already gives the same device again. */
export async function attachLoop(path: string): Promise<string> {
  const { stdout } = await run('losetup', ['--find', '--show', '--nooverlap', path]);
  return stdout.trim();
}

/** Detaches the device now, or when its last user closes it. */
export async function detachLoop(device: string): Promise<void> {
  await run('losetup', ['--detach', device], { allow: [0, 1] });
}

/**
 * Runs fn with a device of the file. The kernel detaches it with its last user: what fn has mounted, or fn itself. So a
 * process that is killed leaves none. Throws HOST_MISSING.
 */
export async function withLoop<T>(
  path: string,
  { readonly }: { readonly: boolean },
  fn: (device: string) => Promise<T>,
): Promise<T> {
  if (!(await lstatIfThere('/dev/loop-control'))) throw withoutLoops();
  const { device, fd } = await native().attachLoop(path, readonly);
  try {
    return await fn(device);
  } finally {
    await closeDescriptor(fd);
  }
}

/** The loop devices of a file. */
export async function loopsOf(path: string): Promise<string[]> {
  const real = await realpath(path).catch(() => path);
  const names = (await readdir('/sys/block')).filter((name) => name.startsWith('loop'));
  const files = await Promise.all(names.map(fileOf));
  return names.filter((_, index) => files[index] === real).map((name) => `/dev/${name}`);
}

/** The path of a loop device's file; undefined where it has none. */
async function fileOf(name: string): Promise<string | undefined> {
  // One that was detached meanwhile has the directory for a moment longer than the file.
  const text = await readTextIfThere(`/sys/block/${name}/loop/backing_file`).catch(() => undefined);
  return text?.replace(/\n$/, '');
}

function withoutLoops(): MillinerError {
  return new MillinerError('HOST_MISSING', 'this host has no loop devices (/dev/loop-control)', {
    hint: 'Load their module with modprobe loop. In a container, share the /dev of the host. Milliner limits what programs of an image write by a disk of their own on such a device, and keeps images as disks.',
  });
}
