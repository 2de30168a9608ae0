/** Recipes of everything that the distribution's repository has, their locks, and builds of them. */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { readPackage } from '../../src/lib/rpm/package.ts';
import { cache, checkout } from '../helpers/demo-recipes.ts';
import { peakMemory } from './memory.ts';
import { rebuiltPackages, repositoryOf } from './rebuilt.ts';
import { usageOf, type Usage } from './usage.ts';

const packages = join(cache, 'repository/packages');
const key = join(cache, 'repository/keys/RPM-GPG-KEY-milliner-demo');
/** What the product adds; the rest is its base. */
const productPackages = ['less', 'nginx', 'nginx-common'];

export class BuildScene {
  /** All on one file system. */
  readonly place: string;
  /** Of all packages. */
  readonly names: string[];
  readonly files: string[];
  readonly packages = packages;
  readonly key = key;
  readonly #night: string;
  #next = 0;

  private constructor(place: string, names: string[], files: string[]) {
    this.place = place;
    this.names = names;
    this.files = files;
    this.#night = join(place, 'night');
  }

  static async open(): Promise<BuildScene> {
    const files = readdirSync(packages)
      .filter((file) => file.endsWith('.rpm') && !file.startsWith('demo-'))
      .map((file) => join(packages, file));
    const names = new Set<string>();
    for (const file of files) names.add((await readPackage(file)).name);
    const scene = new BuildScene(await mkdtemp(join(cache, 'bench-')), [...names].toSorted(), files);
    await scene.#prepare();
    return scene;
  }

  /** Recipes are locked once: solving is measured elsewhere. */
  async #prepare(): Promise<void> {
    const half = this.names.filter((_, index) => index % 2 === 0);
    const changed = join(this.place, 'changed');
    const [night] = await rebuiltPackages([{ night: 1, sources: ['util-linux'] }]);
    await repositoryOf(night!.rpms, changed);
    this.#recipe('all', { packages: this.names });
    this.#recipe('half', { packages: half });
    this.#recipe('base', { packages: this.names.filter((name) => !productPackages.includes(name)) });
    this.#recipe('product', { from: 'base', packages: productPackages });
    const repos = [{ name: 'changed', baseurl: changed, gpgcheck: false, priority: 1 }, this.#repo()];
    this.#recipe('next', { name: 'all', packages: this.names, repos });
    for (const name of ['all', 'half', 'base', 'product']) this.#milliner('lock', this.#night, name);
    // The next night's lock keeps the plan of the last.
    cpSync(this.#lockOf('all'), this.#lockOf('next'));
    this.#milliner('lock', this.#night, 'next');
    this.#milliner('build', this.#night, 'all');
    this.#milliner('build', this.#night, 'base');
  }

  #repo(): object {
    return { name: 'demo', baseurl: packages, keys: [key] };
  }

  #recipe(name: string, recipe: object): void {
    const content = { name, repos: [this.#repo()], ...recipe };
    writeFileSync(join(this.place, `${name}.yaml`), JSON.stringify(content));
  }

  #lockOf = (name: string): string => join(this.place, `${name}.lock.json`);

  #command(command: string, state: string, name: string): string[] {
    const output = command === 'build' ? ['--output', `${state}-layout`] : [];
    const recipe = join(this.place, `${name}.yaml`);
    return [process.execPath, join(checkout, 'dist/cli.js'), command, recipe, '--state', state, ...output];
  }

  #milliner(command: string, state: string, name: string): void {
    const [program, ...options] = this.#command(command, state, name);
    execFileSync(program!, options, { stdio: 'pipe' });
  }

  /** The command of a build from nothing, for those who measure more of it. */
  coldCommand(): string[] {
    return this.#command('build', this.fresh('cold'), 'all');
  }

  cold(): Promise<Usage> {
    return usageOf(this.coldCommand());
  }

  oneChanged(): Promise<Usage> {
    return this.#afterNight('next');
  }

  /** In the state in which the base was built, because a copy of that is read whole. What was made is forgotten. */
  async product(): Promise<Usage> {
    const before = new Set(this.#made());
    const usage = await usageOf(this.#command('build', this.#night, 'product'));
    const cli = join(checkout, 'dist/cli.js');
    execFileSync(process.execPath, [cli, 'rmi', 'product', '--state', this.#night], {
      stdio: 'pipe',
    });
    for (const path of this.#made()) if (!before.has(path)) rmSync(path);
    return usage;
  }

  /** Records of layers that were made, and of parts of layers. */
  #made(): string[] {
    const folders = ['layers', 'frames'].map((name) => join(this.#night, name));
    return folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  }

  unchanged(): Promise<Usage> {
    return usageOf(this.#command('build', this.#night, 'all'));
  }

  async memory(name: 'all' | 'half'): Promise<number> {
    const [program, ...options] = this.#command('build', this.fresh('memory'), name);
    return (await peakMemory(spawn(program!, options, { stdio: 'ignore' }))) / 1024 ** 2;
  }

  /**
   * A new place for each run, and nothing is removed before the end: ext4 does not give the inodes of removed files away
   * for minutes, and looks at every one of them for each file that is made.
   */
  fresh(name: string): string {
    return join(this.place, `${name}-${this.#next++}`);
  }

  /** On a copy of what the night before has left: its state, and the layout that its images are in. */
  #afterNight(name: string): Promise<Usage> {
    const state = this.fresh(name);
    for (const part of ['', '-layout'])
      execFileSync('cp', ['-a', '--reflink=auto', this.#night + part, state + part]);
    return usageOf(this.#command('build', state, name));
  }

  close(): void {
    rmSync(this.place, { recursive: true, force: true });
  }
}
