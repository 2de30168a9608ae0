/** Images that buildah makes of a tiny tree that rpm installed, and what it unpacks of others: a builder that shares nothing with ours. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../src/lib/host/exec.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';

export const dbPath = '/usr/lib/sysimage/rpm';

export class Buildah {
  readonly #storage: string[];

  constructor(directory: string) {
    const places = { '--root': 'storage', '--runroot': 'run' };
    const options = Object.entries(places).flatMap(([option, name]) => [option, join(directory, name)]);
    this.#storage = [...options, '--storage-driver', 'overlay'];
  }

  async close(): Promise<void> {
    await this.#run('rm', '--all');
    await this.#run('rmi', '--all', '--force');
  }

  /** Runs fn on the mounted tree of a new container, and gives the image of what came of it. */
  async image(name: string, from: string, fn: (root: string) => Promise<void>): Promise<void> {
    const container = await this.#run('from', from);
    await fn(await this.#run('mount', container));
    await this.#run('umount', container);
    await this.#run('config', '--cmd', '/usr/bin/true', '--env', 'MAKER=buildah', container);
    await this.#run('commit', '--quiet', container, name);
  }

  /** A base of two layers: tiny-base by rpm, and on it deletions, a directory made anew, and a label that no layer keeps. */
  async base(name: string): Promise<void> {
    await this.image(`${name}-below`, 'scratch', async (root) => {
      await installInto(root, 'tiny-base');
      await writeFile(join(root, 'etc/gone'), 'below');
      await mkdir(join(root, 'etc/anew'));
      await writeFile(join(root, 'etc/anew/old'), 'below');
    });
    await this.image(name, `${name}-below`, async (root) => {
      await rm(join(root, 'etc/gone'));
      await rm(join(root, 'etc/anew'), { recursive: true });
      await mkdir(join(root, 'etc/anew'), { mode: 0o700 });
      await writeFile(join(root, 'etc/anew/new'), 'above');
    });
  }

  /** @param format oci or v2s2 @param reference as skopeo writes it */
  async push(name: string, format: string, reference: string): Promise<void> {
    await this.#run('push', '--quiet', '--tls-verify=false', '--format', format, name, reference);
  }

  /** The mounted tree of an image. */
  async tree(reference: string): Promise<string> {
    return this.#run('mount', await this.#run('from', '--quiet', '--tls-verify=false', reference));
  }

  async #run(...args: string[]): Promise<string> {
    return (await run('buildah', [...this.#storage, ...args])).stdout.trim();
  }
}

/** By the host's rpm alone. */
export async function installInto(root: string, ...names: string[]): Promise<void> {
  const { packages } = await tinyPackages();
  const architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const files = names.map((name) => join(packages, `${name}-1.0-1.${architecture}.rpm`));
  await mkdir(join(root, dbPath), { recursive: true });
  const database = ['--dbpath', dbPath, '--define', '_db_backend sqlite'];
  await run('rpm', ['--root', root, ...database, '--noplugins', '--nosignature', '-U', ...files]);
}
