/** The storage of Debian 13's podman and skopeo, which takes zstd:chunked layers from a registry piece by piece. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { trixie } from './trixie.ts';

export class ClientStorage {
  readonly #environment: Record<string, string>;

  /** @param directory becomes its place */
  constructor(directory: string) {
    mkdirSync(directory);
    const configuration = join(directory, 'storage.conf');
    const places = `graphroot = "${join(directory, 'storage')}"\nrunroot = "${join(directory, 'run')}"\n`;
    const options = '[storage.options]\npull_options = {enable_partial_images = "true"}\n';
    writeFileSync(configuration, `[storage]\ndriver = "overlay"\n${places}${options}`);
    this.#environment = { CONTAINERS_STORAGE_CONF: configuration, PODMAN_IGNORE_CGROUPSV1_WARNING: '1' };
  }

  /** @param reference HOST/NAME:TAG, without TLS @param name that it has here */
  async pull(reference: string, name: string): Promise<void> {
    const places = [`docker://${reference}`, `containers-storage:localhost/${name}`];
    const options = ['--insecure-policy', 'copy', '-q', '--src-tls-verify=false'];
    await this.#run('skopeo', ...options, ...places);
  }

  /** Copies an image's tree, which becomes `directory`. */
  async unpack(name: string, directory: string): Promise<void> {
    const script =
      'root=$(podman image mount "localhost/$0") && cp -a "$root" "$1" && podman image umount -a >/dev/null';
    await this.#run('sh', '-c', script, name, directory);
  }

  /**
   * Copies the trees of a layout's images to DIRECTORY/TAG, and forgets the images; gives what it said of those that
   * it does not take, by their tags.
   */
  async unpackAll(
    layout: string,
    tags: readonly string[],
    directory: string,
  ): Promise<Record<string, string>> {
    const script = `set -e
      layout=$0 directory=$1; shift
      for tag; do
        if id=$(podman pull -q "oci:$layout:$tag" 2>"$directory/$tag.refused"); then
          cp -a "$(podman image mount "$id")" "$directory/$tag"
          rm "$directory/$tag.refused"
        fi
      done
      { podman image umount -a && podman rmi -af; } >/dev/null`;
    await this.#run('sh', '-c', script, layout, directory, ...tags);
    const refused = tags.filter((tag) => existsSync(join(directory, `${tag}.refused`)));
    return Object.fromEntries(
      refused.map((tag) => [tag, readFileSync(join(directory, `${tag}.refused`), 'utf8')]),
    );
  }

  async #run(program: string, ...args: string[]): Promise<void> {
    await trixie(program, args, { env: this.#environment });
  }
}
