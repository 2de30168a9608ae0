/** Loop devices for tests, as disks that a user has. */
import { execFileSync } from 'node:child_process';
import { truncate, writeFile } from 'node:fs/promises';

const loops: string[] = [];

export async function makeDisk(path: string, mebibytes: number, flags: string[] = []): Promise<string> {
  await writeFile(path, '');
  await truncate(path, mebibytes * 1024 ** 2);
  const loop = execFileSync('losetup', ['--find', '--show', ...flags, path], { encoding: 'utf8' }).trim();
  loops.push(loop);
  return loop;
}

export function removeDisks(): void {
  for (const loop of loops.splice(0)) execFileSync('losetup', ['--detach', loop]);
}
