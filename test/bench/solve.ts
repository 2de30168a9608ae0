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
import type { Bench } from './case.ts';
import { peakMemory } from './memory.ts';
import { multipliedRepository } from './multiplied.ts';

const packages = ['bash', 'coreutils', 'dbus', 'rpm', 'systemd'];

/** Seconds; processor time in user and kernel of all that the commands started. */
interface Times {
  wall: number;
  cpu: number;
}

class Solving {
  readonly #place = mkdtempSync(join(tmpdir(), 'bench-solve-'));
  readonly #repository: string;
  #count = 0;
  /** Of the runs that are already made, so that one of them gives both of its figures. */
  readonly #cpu = { ours: 0, peer: 0 };

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

  async first(side: 'ours' | 'peer'): Promise<number> {
    const directory = this.#fresh();
    const times =
      side === 'ours'
        ? await timed([this.#lock(join(directory, 'state'))])
        : await timed([this.#dnf(directory, 'makecache'), this.#dnf(directory, 'install', ...packages)]);
    this.#cpu[side] = times.cpu;
    rmSync(directory, { recursive: true });
    return times.wall;
  }

  /** After `first` of the same side. */
  cpuOfFirst(side: 'ours' | 'peer'): Promise<number> {
    return Promise.resolve(this.#cpu[side]);
  }

  async second(side: 'ours' | 'peer'): Promise<number> {
    const directory = this.#fresh();
    const state = join(directory, 'state');
    await timed([side === 'ours' ? this.#lock(state) : this.#dnf(directory, 'makecache')]);
    const again = side === 'ours' ? this.#lock(state) : this.#dnf(directory, 'install', ...packages);
    const { wall } = await timed([again]);
    rmSync(directory, { recursive: true });
    return wall;
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
      // dnf ends with 1 where it was told to answer no.
      peak = Math.max(peak, await peakMemory(child, [0, 1]));
    }
    rmSync(directory, { recursive: true });
    return peak / 1024 ** 2;
  }

  close(): void {
    rmSync(this.#place, { recursive: true });
  }
}

const times = /real (\S+) user (\S+) sys (\S+)\n$/;

/** One after the other; bash counts what they took together. */
function timed(commands: string[][]): Promise<Times> {
  const script = [
    'TIMEFORMAT="real %3R user %3U sys %3S"',
    `time { ${commands.map(shellWords).join(' >/dev/null; ')} >/dev/null; }`,
  ].join('; ');
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.once('error', reject).once('close', () => {
      const found = times.exec(said);
      if (!found) return reject(new Error(`a command that was to be timed said: ${said}`));
      const [wall, user, kernel] = found.slice(1).map(Number) as [number, number, number];
      resolve({ wall, cpu: user + kernel });
    });
  });
}

export async function solveCases(): Promise<Bench> {
  const bench = new Solving(await multipliedRepository());
  const common = { bench: 'solve', unit: 's', runs: 3 };
  const sides = (measure: (side: 'ours' | 'peer') => Promise<number>) => ({
    ours: () => measure('ours'),
    peer: () => measure('peer'),
  });
  return {
    cases: [
      {
        ...common,
        case: 'first lock, beside dnf makecache and install --assumeno',
        target: { atMost: 0.5 },
        ...sides((side) => bench.first(side)),
      },
      {
        ...common,
        case: 'processor time of the last of these',
        target: undefined,
        runs: 1,
        ...sides((side) => bench.cpuOfFirst(side)),
      },
      {
        ...common,
        case: 'second lock, beside dnf makecache and install --assumeno',
        target: { atMost: 0.3 },
        ours: () => bench.second('ours'),
        peer: () => bench.first('peer'),
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
