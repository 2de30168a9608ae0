/**
 * Builds of a set of packages, from RPM files to an OCI layout, beside dnf and tar: everything that the distribution's
 * repository has. All on one file system, zstd at level 3 for all.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { readPackage } from '../../src/lib/rpm/package.ts';
import { cache, checkout } from '../helpers/demo-recipes.ts';
import type { Bench, Case } from './case.ts';
import { peakMemory } from './memory.ts';
import { rebuiltPackages, repositoryOf } from './rebuilt.ts';

const repository = join(cache, 'repository');
const key = join(repository, 'keys/RPM-GPG-KEY-milliner-demo');
const runs = 5;

export async function buildCases(): Promise<Bench> {
  const bench = await BuildBench.open();
  const common = { bench: 'build', unit: 's', runs };
  const dnf = () => bench.dnfAndTar();
  const cases: Case[] = [
    {
      ...common,
      case: 'cold, beside dnf and tar',
      target: { atMost: 0.6 },
      ours: () => bench.cold(),
      peer: dnf,
    },
    {
      ...common,
      case: 'cold, beside buildah',
      target: { atMost: 0.6 },
      ours: () => bench.cold(),
      peer: () => bench.buildah(),
    },
    {
      ...common,
      case: 'the floor: rpm alone, and its payloads through zstd',
      target: { atMost: 1 },
      ours: () => bench.floor(),
      peer: dnf,
    },
    {
      ...common,
      case: 'one package changed',
      target: { atMost: 0.5 },
      ours: () => bench.oneChanged(),
      peer: dnf,
    },
    {
      ...common,
      case: 'a product on an unchanged base',
      target: { atMost: 0.15 },
      ours: () => bench.product(),
      peer: dnf,
    },
    {
      ...common,
      case: 'nothing changed',
      target: { atMost: 0.08 },
      ours: () => bench.unchanged(),
      peer: dnf,
    },
    {
      ...common,
      case: 'peak memory without rpm, beside 400 MiB',
      unit: 'MiB',
      target: { atMost: 1 },
      runs: 3,
      ours: () => bench.memory('all'),
      peer: async () => 400,
    },
    {
      ...common,
      case: 'peak memory, beside half the set',
      unit: 'MiB',
      target: { atMost: 1.2 },
      runs: 3,
      ours: () => bench.memory('all'),
      peer: () => bench.memory('half'),
    },
  ];
  return { cases, close: async () => bench.close() };
}

/** What the product adds; the rest is its base. */
const productPackages = ['less', 'nginx', 'nginx-common'];

class BuildBench {
  readonly #place: string;
  readonly #names: string[];
  readonly #night: string;
  #next = 0;

  private constructor(place: string, names: string[]) {
    this.#place = place;
    this.#names = names;
    this.#night = join(place, 'night');
  }

  static async open(): Promise<BuildBench> {
    const place = await mkdtemp(join(cache, 'bench-'));
    const names = new Set<string>();
    for (const file of readdirSync(join(repository, 'packages'))) {
      if (!file.endsWith('.rpm') || file.startsWith('demo-')) continue;
      names.add((await readPackage(join(repository, 'packages', file))).name);
    }
    const bench = new BuildBench(place, [...names].toSorted());
    await bench.#prepare();
    return bench;
  }

  /** Recipes are locked once: solving is measured elsewhere. */
  async #prepare(): Promise<void> {
    const half = this.#names.filter((_, index) => index % 2 === 0);
    const changed = join(this.#place, 'changed');
    const [night] = await rebuiltPackages([{ night: 1, sources: ['util-linux'] }]);
    await repositoryOf(night!.rpms, changed);
    this.#recipe('all', { packages: this.#names });
    this.#recipe('half', { packages: half });
    this.#recipe('base', { packages: this.#names.filter((name) => !productPackages.includes(name)) });
    this.#recipe('product', { from: 'base', packages: productPackages });
    const repos = [{ name: 'changed', baseurl: changed, gpgcheck: false, priority: 1 }, this.#repo()];
    this.#recipe('next', { name: 'all', packages: this.#names, repos });
    for (const name of ['all', 'half', 'base', 'product']) this.#milliner('lock', this.#night, name);
    // The next night's lock keeps the plan of the last.
    cpSync(this.#lockOf('all'), this.#lockOf('next'));
    this.#milliner('lock', this.#night, 'next');
    this.#milliner('build', this.#night, 'all');
    this.#milliner('build', this.#night, 'base');
  }

  #repo(): object {
    return { name: 'demo', baseurl: join(repository, 'packages'), keys: [key] };
  }

  #recipe(name: string, recipe: object): void {
    const content = { name, repos: [this.#repo()], ...recipe };
    writeFileSync(join(this.#place, `${name}.yaml`), JSON.stringify(content));
  }

  #lockOf = (name: string): string => join(this.#place, `${name}.lock.json`);

  #arguments(command: string, state: string, name: string): string[] {
    const output = command === 'build' ? ['--output', `${state}-layout`] : [];
    return [
      join(checkout, 'dist/cli.js'),
      command,
      join(this.#place, `${name}.yaml`),
      '--state',
      state,
      ...output,
    ];
  }

  #milliner(command: string, state: string, name: string): void {
    execFileSync(process.execPath, this.#arguments(command, state, name), { stdio: 'pipe' });
  }

  async cold(): Promise<number> {
    const state = this.#fresh('cold');
    return time(() => this.#milliner('build', state, 'all'));
  }

  async oneChanged(): Promise<number> {
    return this.#afterNight('next');
  }

  async product(): Promise<number> {
    return this.#afterNight('product');
  }

  async unchanged(): Promise<number> {
    return time(() => this.#milliner('build', this.#night, 'all'));
  }

  async memory(name: 'all' | 'half'): Promise<number> {
    const options = this.#arguments('build', this.#fresh('memory'), name);
    return (await peakMemory(spawn(process.execPath, options, { stdio: 'ignore' }))) / 1024 ** 2;
  }

  async dnfAndTar(): Promise<number> {
    const root = this.#fresh('dnf');
    return time(() => {
      this.#dnf(root);
      shell('tar --xattrs -C "$1" -c . | zstd -q -3 -T0 -o "$2"', root, `${root}.tar.zst`);
    });
  }

  async buildah(): Promise<number> {
    const place = this.#fresh('buildah');
    const storage = [
      '--root',
      join(place, 'root'),
      '--runroot',
      join(place, 'run'),
      '--storage-driver',
      'overlay',
    ];
    const run = (...args: string[]) =>
      execFileSync('buildah', [...storage, ...args], { stdio: 'pipe' })
        .toString()
        .trim();
    const took = time(() => {
      const container = run('from', 'scratch');
      this.#dnf(run('mount', container));
      run('commit', '-q', container, `oci:${place}-layout:all`);
    });
    run('umount', '--all');
    return took;
  }

  #dnf(root: string): void {
    const packages = join(repository, 'packages');
    const settings = ['gpgcheck=1', `gpgkey=file://${key}`].map((one) => `--setopt=bench.${one}`);
    const options = [
      '--quiet',
      '--assumeyes',
      `--installroot=${root}`,
      '--disablerepo=*',
      `--repofrompath=bench,${packages}`,
      '--enablerepo=bench',
      '--releasever=1',
      '--setopt=install_weak_deps=0',
      `--setopt=cachedir=${join(this.#place, 'dnf-cache')}`,
      ...settings,
    ];
    execFileSync('dnf', [...options, 'install', ...this.#names], { stdio: 'pipe' });
  }

  /** What no tool that runs rpm and compresses with zstd can be faster than, one after the other. */
  async floor(): Promise<number> {
    const root = this.#fresh('floor');
    const files = readdirSync(join(repository, 'packages'))
      .filter((file) => file.endsWith('.rpm') && !file.startsWith('demo-'))
      .map((file) => join(repository, 'packages', file));
    mkdirSync(root);
    const options = ['--root', root, '--dbpath', '/usr/lib/sysimage/rpm', '--nosignature', '--noplugins'];
    const script = 'rpm2cpio "$1" | zstd -q -3 -c >/dev/null';
    return time(() => {
      execFileSync('rpm', [...options, '-U', ...files], { stdio: 'pipe' });
      const cores = String(cpus().length);
      execFileSync('xargs', ['-0', '-n', '1', '-P', cores, 'sh', '-c', script, '-'], {
        input: files.join('\0'),
      });
    });
  }

  /**
   * A new place for each run, and nothing is removed before the end: ext4 does not give the inodes of removed files away
   * for minutes, and looks at every one of them for each file that is made.
   */
  #fresh(name: string): string {
    return join(this.#place, `${name}-${this.#next++}`);
  }

  /** On a copy of what the night before has left: its state, and the layout that its images are in. */
  #afterNight(name: string): number {
    const state = this.#fresh(name);
    for (const part of ['', '-layout'])
      execFileSync('cp', ['-a', '--reflink=auto', this.#night + part, state + part]);
    return time(() => this.#milliner('build', state, name));
  }

  close(): void {
    rmSync(this.#place, { recursive: true, force: true });
  }
}

function shell(script: string, ...args: string[]): void {
  execFileSync('bash', ['-c', `set -o pipefail; ${script}`, '-', ...args], { stdio: 'pipe' });
}

/** Seconds. */
function time(work: () => void): number {
  const begun = performance.now();
  work();
  return (performance.now() - begun) / 1000;
}
