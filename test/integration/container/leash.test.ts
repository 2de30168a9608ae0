/** What looks after a sandbox is killed: all in it dies with it, and waits for no other command to clear it away. */
import { mkdir, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { start } from '../../../src/lib/host/exec.ts';
import { removeGroups } from '../../../src/lib/container/cgroups.ts';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { removeTree } from '../../../src/lib/host/remove-tree.ts';
import { removeContainers } from '../../../src/lib/container/runtime.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp('/var/tmp/milliner-leash-');
  for (const name of ['dev', 'proc', 'sys'])
    await mkdir(join(directory, 'target', name), { recursive: true });
});
afterEach(async () => {
  await removeContainers(directory);
  await removeGroups('milliner-leash-');
  await unmountAllBelow(directory, { detach: true });
  await removeTree(directory);
});

/** How many processes have it among their arguments, but for the one that starts them. */
async function running(word: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
  return (await Promise.all(lines)).filter((line) => line.includes(word) && !line.includes('leash.ts'))
    .length;
}

async function until(word: string, isMeant: (count: number) => boolean): Promise<void> {
  while (!isMeant(await running(word))) await sleep(50);
}

test.each([
  ['the first process', 1, (word: string) => `import time; time.sleep(600) # ${word}`],
  ['what it starts', 2, (word: string) => `import subprocess; subprocess.call(['sleep', '600.${word}'])`],
  [
    'what goes on in a session of its own, deaf to signals',
    2,
    (word: string) =>
      `import signal, subprocess, time; subprocess.Popen(['/bin/sh', '-c', "trap '' TERM HUP INT; sleep 600.${word}; true"], start_new_session=True); time.sleep(600)`,
  ],
  [
    'a thread of it',
    1,
    (word: string) =>
      `import threading, time; threading.Thread(target=time.sleep, args=(600,)).start() # ${word}`,
  ],
])('%s', async (_what, least, program) => {
  const word = String(process.hrtime.bigint());
  const child = start(process.execPath, [join(import.meta.dirname, 'leash.ts'), directory, program(word)]);
  await until(word, (count) => count >= least);
  child.kill('SIGKILL');
  expect((await child).signal).toBe('SIGKILL');
  await until(word, (count) => count === 0);
  expect(await running(word)).toBe(0);
});
