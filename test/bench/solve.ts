/**
 * Locking against a repository of 70,000 packages, beside dnf. A first time: nothing of the repository is there yet; dnf
 * needs `makecache` and `install --assumeno` for it. A second time: the metadata is unchanged and cached.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkout } from '../helpers/demo-recipes.ts';
import { shellWords } from '../helpers/shell-words.ts';
import type { Bench, Measured } from './case.ts';
import { peakMemory } from './memory.ts';
import { multipliedRepository } from './multiplied.ts';
import { script, usageOf, type Usage } from './usage.ts';

const packages = ['bash', 'coreutils', 'dbus', 'rpm', 'systemd'];

class Solving {
  readonly #place = mkdtempSync(join(tmpdir(), 'bench-solve-'));
  readonly #repository: string;
  #count = 0;

  constructor(repository: string) {
    this.#repository = repository;
    const repos = [{ name: 'many', baseurl: repository, gpgcheck: false }];
    writeFileSync(this.#recipe, JSON.stringify({ name: 'many', repos, packages }));
  }

  get #recipe(): string {
    return join(this.#place, 'many.yaml');
  }

  #fresh(): string {
    const directory = join(this.#place, String(this.#count++));
    mkdirSync(directory);
    return directory;
  }

  #lock(state: string): string[] {
    return [
      process.execPath,
      join(checkout, 'dist/cli.js'),
      'lock',
      this.#recipe,
      '--state',
      state,
      '--json',
    ];
  }

  #dnf(directory: string, ...command: string[]): string[] {
    const settings = [
      `cachedir=${directory}/cache`,
      'reposdir=/nonexistent',
      'install_weak_deps=false',
      'best=true',
    ];
    const repository = [`--repofrompath=many,file://${this.#repository}`, '--nogpgcheck'];
    const target = [`--installroot=${directory}/root`, '--forcearch=x86_64', '--releasever=1'];
    const set = settings.map((setting) => `--setopt=${setting}`);
    return ['dnf', '--assumeno', '--disableplugin=*', ...set, ...repository, ...target, ...command];
  }

  async first(side: 'ours' | 'peer'): Promise<Usage> {
    const directory = this.#fresh();
    const used = await usageOf(
      script(
        side === 'ours'
          ? shellWords(this.#lock(join(directory, 'state')))
          : `${shellWords(this.#dnf(directory, 'makecache'))}; ${this.#refused(directory)}`,
      ),
    );
    rmSync(directory, { recursive: true });
    return used;
  }

  async second(side: 'ours' | 'peer'): Promise<Usage> {
    const directory = this.#fresh();
    const state = join(directory, 'state');
    await usageOf(side === 'ours' ? this.#lock(state) : this.#dnf(directory, 'makecache'));
    const used = await usageOf(side === 'ours' ? this.#lock(state) : script(this.#refused(directory)));
    rmSync(directory, { recursive: true });
    return used;
  }

  /** dnf ends with 1 where it was told to answer no. */
  #refused(directory: string): string {
    return `${shellWords(this.#dnf(directory, 'install', ...packages))} || test $? = 1`;
  }

  async memory(side: 'ours' | 'peer'): Promise<number> {
    const directory = this.#fresh();
    const commands =
      side === 'ours'
        ? [this.#lock(join(directory, 'state'))]
        : [this.#dnf(directory, 'makecache'), this.#dnf(directory, 'install', ...packages)];
    let peak = 0;
    for (const [program, ...options] of commands) {
      const child = spawn(program!, options, { stdio: 'ignore' });
      peak = Math.max(peak, await peakMemory(child, [0, 1]));
    }
    rmSync(directory, { recursive: true });
    return peak / 1024 ** 2;
  }

  close(): void {
    rmSync(this.#place, { recursive: true });
  }
}

const sides = (measure: (side: 'ours' | 'peer') => Promise<Measured>) => ({
  ours: () => measure('ours'),
  peer: () => measure('peer'),
});

export async function solveCases(): Promise<Bench> {
  const bench = new Solving(await multipliedRepository());
  const common = { bench: 'solve', unit: 's', runs: 3, seconds: { ours: 5, peer: 11 } };
  const first = sides((side) => bench.first(side));
  return {
    cases: [
      {
        ...common,
        case: 'first lock, beside dnf makecache and install --assumeno',
        target: { atMost: 0.42 },
        aim: { atMost: 0.3 },
        ...first,
      },
      {
        ...common,
        case: 'second lock, beside dnf makecache and install --assumeno',
        target: { atMost: 0.3 },
        ours: () => bench.second('ours'),
        peer: first.peer,
      },
      {
        ...common,
        case: 'second lock, beside install --assumeno after makecache',
        target: undefined,
        ...sides((side) => bench.second(side)),
      },
      {
        ...common,
        case: 'peak memory of the first lock',
        unit: 'MiB',
        target: { atMost: 0.6 },
        runs: 3,
        ...sides((side) => bench.memory(side)),
      },
    ],
    close: () => Promise.resolve(bench.close()),
  };
}
