/** repomd metadata by createrepo_c: primary, filelists and other, each under its checksum's name. */
import { run } from '../src/lib/host/exec.ts';

export async function createRepodata(directory: string): Promise<void> {
  await run('createrepo_c', ['--quiet', '--no-database', directory]);
}
