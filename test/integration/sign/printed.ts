/** The commands that `milliner policy` prints, run as they are by podman and skopeo of Debian 13. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { WrittenPolicy } from '../../../src/pipeline/trust/policy.ts';
import { trixie } from '../../helpers/trixie.ts';

/** In a mount namespace, whose /etc/containers is its own. Gives for each pull what it said, undefined where it ended well. */
export async function pullAsPrinted(
  { commands }: WrittenPolicy,
  place: string,
): Promise<(string | undefined)[]> {
  const storage = `[storage]\ndriver = "vfs"\ngraphroot = "${place}/root"\nrunroot = "${place}/run"\n`;
  await writeFile(join(place, 'storage.conf'), storage);
  const pulls = commands.filter((one) => !one.startsWith('install '));
  expect(pulls.map((command) => command.split(' ')[0])).toEqual(['podman', 'skopeo']);
  const said: (string | undefined)[] = [];
  for (const command of pulls) {
    const script = [
      'set -e; mount -t tmpfs tmpfs /etc/containers',
      ...commands.filter((one) => one.startsWith('install ')),
      command.replaceAll('TAG', '1.0').replace('DIRECTORY', `${place}/layout`),
    ].join('\n');
    const env = { CONTAINERS_STORAGE_CONF: join(place, 'storage.conf'), HOME: place };
    const { exitCode, stderr } = await trixie('sh', ['-c', script], { env, allow: [0, 1, 125] });
    said.push(exitCode > 0 ? stderr : undefined);
  }
  return said;
}
