/** Loop devices (loop(4)): files as block devices. */
import { realpath } from 'node:fs/promises';
import { run } from './exec.ts';

/** Gives the device; a file that is attached already gives the same device again. */
export async function attachLoop(path: string): Promise<string> {
  const { stdout } = await run('losetup', ['--find', '--show', '--nooverlap', path]);
  return stdout.trim();
}

/** Detaches the device now, or when its last user closes it. */
export async function detachLoop(device: string): Promise<void> {
  await run('losetup', ['--detach', device], { allow: [0, 1] });
}

/** The loop devices of a file. */
export async function loopsOf(path: string): Promise<string[]> {
  const real = await realpath(path).catch(() => path);
  const { stdout } = await run('losetup', ['--json', '--list', '--output', 'NAME,BACK-FILE']);
  // losetup writes nothing if there is no loop device at all.
  if (stdout.trim() === '') return [];
  const { loopdevices } = JSON.parse(stdout) as { loopdevices: { name: string; 'back-file': string }[] };
  return loopdevices.filter((one) => one['back-file'] === real).map(({ name }) => name);
}
