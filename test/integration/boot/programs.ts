/** Small static C programs of this directory, for images of a few files that need no package of their own. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../src/lib/host/exec.ts';

export async function compiled(name: string, flags: readonly string[] = []): Promise<Buffer> {
  const place = await mkdtemp(join(tmpdir(), 'milliner-program-'));
  try {
    const program = join(place, name);
    const options = ['-static', '-Wall', '-Werror', '-Os', '-s', ...flags];
    await run('gcc', [...options, '-o', program, join(import.meta.dirname, `${name}.c`)]);
    return await readFile(program);
  } finally {
    await rm(place, { recursive: true });
  }
}

/** Recipe fields for an image whose first process is the compiled program, once a shell has unpacked it. */
export async function entrypointOf(name: string, flags: string[] = []) {
  // A recipe's files are text.
  const content = (await compiled(name, flags)).toString('base64');
  const unpack = `base64 -d /${name}.base64 >/${name} && chmod 755 /${name} && exec /${name}`;
  return {
    files: [{ path: `/${name}.base64`, content }],
    config: { entrypoint: ['/bin/sh', '-c', unpack], stopSignal: 'SIGTERM' },
  };
}
