/** Findings about this host that hold until it starts again, for commands that would make each of them anew. */
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from './atomic-file.ts';

/**
 * What `find` has found, or what it found before in the same run of the kernel about the same things. Nothing is
 * remembered of what it throws.
 *
 * @param path of a file in a directory that only root writes to
 * @param about whatever the finding depends on, as one line
 */
export async function remembered(path: string, about: string, find: () => Promise<string>): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  const head = `${boot.trim()} ${about}\n`;
  const known = await readFile(path, 'utf8').catch(() => '');
  if (known.startsWith(head)) return known.slice(head.length);
  const found = await find();
  await writeFileAtomic(path, `${head}${found}`, { isDurable: false });
  return found;
}
