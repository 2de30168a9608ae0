/** What makes an image, or as much as an archive, of the same packages: dnf and tar, dnf and buildah, rpm alone. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { shellWords } from '../helpers/shell-words.ts';
import type { BuildScene } from './build-scene.ts';
import { dnfCommand } from './dnf-command.ts';
import { script, usageOf, type Usage } from './usage.ts';

export class ImagePeers {
  readonly #scene: BuildScene;

  constructor(scene: BuildScene) {
    this.#scene = scene;
  }

  async dnfAndTar(): Promise<Usage> {
    const root = this.#scene.fresh('dnf');
    const pack = 'tar --xattrs -C "$1" -c . | zstd -q -3 -T0 -o "$1.tar.zst"';
    return usageOf(script(`${this.#dnf(shellWords([root]))}\n${pack}`, root));
  }

  /**
   * Its commit (1.28) writes gzip or nothing, whatever containers.conf says; push alone takes a format, so this is what
   * an image of zstd costs there.
   */
  async buildah(): Promise<Usage> {
    const place = this.#scene.fresh('buildah');
    const buildah = buildahIn(place);
    return usageOf(
      script(
        [
          `container=$(${buildah} from scratch)`,
          `tree=$(${buildah} mount "$container")`,
          this.#dnf('"$tree"'),
          `${buildah} commit -q "$container" all`,
          `${buildah} push -q --compression-format zstd --compression-level 3 all "oci:$1-layout:all"`,
          `${buildah} umount --all`,
        ].join('\n'),
        place,
      ),
    );
  }

  /** @param root a word of a shell */
  #dnf(root: string): string {
    const { packages, key, names, place } = this.#scene;
    const repositories = [{ name: 'bench', baseurl: packages, key }];
    return dnfCommand(root, { repositories, cache: join(place, 'dnf-cache'), names });
  }

  /** What no tool that runs rpm and compresses with zstd can be faster than: each has a core of two for itself. */
  async floor(): Promise<Usage> {
    const { files } = this.#scene;
    const root = this.#scene.fresh('floor');
    mkdirSync(root);
    const options = ['--root', root, '--dbpath', '/usr/lib/sysimage/rpm', '--nosignature', '--noplugins'];
    const compress = 'for file; do rpm2cpio "$file" | zstd -q -3 -c >/dev/null; done';
    const install = shellWords(['rpm', ...options, '-U', ...files]);
    return usageOf(script(`${install} & rpm=$!\n${compress}\nwait "$rpm"`, ...files));
  }
}

/** The words of buildah with a storage of its own. */
export const buildahIn = (place: string): string =>
  shellWords([
    'buildah',
    '--root',
    join(place, 'root'),
    '--runroot',
    join(place, 'run'),
    '--storage-driver',
    'overlay',
  ]);
