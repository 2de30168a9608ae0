/** What Debian 13's podman makes of an image in a registry on plain HTTP. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { trixie } from './trixie.ts';

/** Piece by piece where its layers allow that, into a storage below `work`; gives a plain copy of its tree. */
export async function pullInPieces(reference: string, name: string, work: string): Promise<string> {
  const configuration = join(work, 'storage.conf');
  const places = `graphroot = "${join(work, 'pieces')}"\nrunroot = "${join(work, 'pieces-run')}"\n`;
  const options = '[storage.options]\npull_options = {enable_partial_images = "true"}\n';
  await writeFile(configuration, `[storage]\ndriver = "overlay"\n${places}${options}`);
  const directory = join(work, `pulled-${name}`);
  await mkdir(directory);
  const script =
    'skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$1" "containers-storage:localhost/$2" &&' +
    'root=$(podman image mount "localhost/$2") && cp -a "$root/." "$3" && podman image umount -a >/dev/null';
  await trixie('sh', ['-c', script, '-', reference, name, directory], {
    env: { CONTAINERS_STORAGE_CONF: configuration },
  });
  return directory;
}
