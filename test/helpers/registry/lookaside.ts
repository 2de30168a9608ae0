/** A server of signatures beside a registry, and a directory that skopeo puts them into. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../src/lib/host/exec.ts';

export class Lookaside {
  readonly directory: string;
  readonly #server: Server;

  private constructor(directory: string, server: Server) {
    this.directory = directory;
    this.#server = server;
  }

  static async start(): Promise<Lookaside> {
    const directory = await mkdtemp(join(tmpdir(), 'milliner-lookaside-'));
    const server = createServer((request, response) => {
      readFile(join(directory, 'files', decodeURIComponent(request.url!))).then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end(),
      );
    });
    await mkdir(join(directory, 'files'));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return new Lookaside(directory, server);
  }

  async close(): Promise<void> {
    this.#server.close();
    await rm(this.directory, { recursive: true });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Of the n-th signature of an image. */
  path(repository: string, digest: string, n: number): string {
    return join(this.directory, 'files', `${repository}@${digest.replace(':', '=')}`, `signature-${n}`);
  }

  /** A home whose registries.d leads here. */
  async home(registry: string, settings: object = { lookaside: this.url }): Promise<string> {
    const home = await mkdtemp(join(this.directory, 'home-'));
    const place = join(home, '.config/containers/registries.d');
    await mkdir(place, { recursive: true });
    await writeFile(join(place, 'here.yaml'), JSON.stringify({ docker: { [registry]: settings } }));
    return home;
  }

  /** Debian 12's skopeo signs with its gpg, beside what is there. */
  async sign(reference: string, { home, fingerprint }: { home: string; fingerprint: string }): Promise<void> {
    const registry = reference.slice(0, reference.indexOf('/'));
    const files = `file://${join(this.directory, 'files')}`;
    const own = await this.home(registry, { lookaside: files, 'lookaside-staging': files });
    const flags = ['--registries.d', join(own, '.config/containers/registries.d'), 'copy', '--quiet'];
    const plain = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    const image = `docker://${reference}`;
    const env = { HOME: own, GNUPGHOME: home };
    await run('skopeo', [...flags, ...plain, '--sign-by', fingerprint, image, image], { env });
  }
}
