/** Images of a set of packages, night after night: layers of zstd, and of zstd:chunked in a registry. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createRepodata } from '../../spec/repodata.ts';
import type { Lock, LockedArch } from '../../src/stages/lock/lock-file.ts';
import { cache, checkout } from '../helpers/demo-recipes.ts';

const repository = join(cache, 'repository');
export const level = 3;

export interface Layer {
  digest: string;
  size: number;
  holds: string;
}

export interface Image {
  /** Lowest first. */
  layers: Layer[];
  locked: LockedArch;
}

export class NightlyImages {
  readonly #place: string;
  readonly #registry: string;

  /** @param place a directory of its own @param registry HOST:PORT, without TLS */
  constructor(place: string, registry: string, packages: readonly string[]) {
    this.#place = place;
    this.#registry = registry;
    mkdirSync(this.#rebuilt);
    const key = join(repository, 'keys/RPM-GPG-KEY-milliner-demo');
    const repos = [
      { name: 'rebuilt', baseurl: this.#rebuilt, gpgcheck: false, priority: 1 },
      { name: 'demo', baseurl: join(repository, 'packages'), keys: [key] },
    ];
    for (const compression of ['zstd', 'zstd:chunked']) {
      const name = nameOf(compression);
      const recipe = { name, repos, packages, layers: { compression, level } };
      writeFileSync(this.#recipe(name), JSON.stringify(recipe));
    }
  }

  get #rebuilt(): string {
    return join(this.#place, 'rebuilt');
  }

  #recipe(name: string): string {
    return join(this.#place, `${name}.yaml`);
  }

  /** @param rpms take the places of those that have their names @param night the tag of zstd:chunked */
  async build(rpms: readonly string[], night: number): Promise<Image> {
    for (const rpm of rpms) copyFileSync(rpm, join(this.#rebuilt, basename(rpm)));
    await createRepodata(this.#rebuilt);
    for (const name of ['plain', 'chunked']) {
      this.#milliner('lock', this.#recipe(name));
      this.#milliner('build', this.#recipe(name), '--output', this.#layout);
    }
    const to = `docker://${this.#registry}/nightly:${night}`;
    execFileSync('skopeo', ['copy', '-q', '--dest-tls-verify=false', `oci:${this.#layout}:chunked`, to]);
    const { layers } = JSON.parse(this.#milliner('inspect', 'plain')) as Image;
    const lock = JSON.parse(readFileSync(join(this.#place, 'plain.lock.json'), 'utf8')) as Lock;
    return { layers, locked: Object.values(lock.arches)[0]! };
  }

  get #layout(): string {
    return join(this.#place, 'layout');
  }

  blob(digest: string): string {
    return join(this.#layout, 'blobs', ...digest.split(':'));
  }

  /** Of the night before, but for what this night's images have. */
  forget(): void {
    this.#milliner('gc', '--keep-days', '0');
  }

  #milliner(...args: string[]): string {
    const state = ['--state', join(this.#place, 'state'), '--json'];
    return execFileSync(process.execPath, [join(checkout, 'dist/cli.js'), ...args, ...state], {
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
    }).toString();
  }
}

const nameOf = (compression: string): string => (compression === 'zstd' ? 'plain' : 'chunked');
