/** Loop devices (loop(4)): files that are seen as disks. */
import { realpath } from 'node:fs/promises';
import { run } from './exec.ts';

/** Gives the device; a file that is attached already gives the same device again. */
export async function attachLoop(path: string): Promise<string> {
  const { stdout } = await run('losetup', ['--find', '--show', '--nooverlap', path]);
  return stdout.trim();
}

/** Now, or when its last user goes. */
export async function detachLoop(device: string): Promise<void> {
  await run('losetup', ['--detach', device], { allow: [0, 1] });
}

/** The devices that a file is attached as. */
export async function loopsOf(path: string): Promise<string[]> {
  const real = await realpath(path).catch(() => path);
  const { stdout } = await run('losetup', ['--json', '--list', '--output', 'NAME,BACK-FILE']);
  // Without any loop device it writes nothing at all.
  if (stdout.trim() === '') return [];
  const { loopdevices } = JSON.parse(stdout) as { loopdevices: { name: string; 'back-file': string }[] };
  return loopdevices.filter((one) => one['back-file'] === real).map(({ name }) => name);
}
