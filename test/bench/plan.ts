/**
 * The plan of a night of a thousand recipes, three deep, whose locks have 20,000 packages: a repository of as many, of
 * which one in a hundred is new. Beside the bounds of the design, since no other program plans one.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { inputsOf } from '../../src/pipeline/lock/freshness.ts';
import { currentVersions } from '../../src/stages/image/tool-versions.ts';
import { sealLock, type Lock, type LockedPackage } from '../../src/stages/lock/lock-file.ts';
import { RecipeReader } from '../../src/stages/recipe/load.ts';
import { checkout } from '../helpers/demo-recipes.ts';
import { metadataOf, nevraOf, recordOf, type SmallPackage } from '../helpers/repo/small-repository.ts';
import type { Bench } from './case.ts';
import { peakMemory } from './memory.ts';

const recipeCount = 1000;
const perRecipe = 20;
const maxSeconds = 15;
const maxMebibytes = 500;
const size = 100_000;

interface Planned {
  name: string;
  base: string | undefined;
  words: string[];
  packages: SmallPackage[];
}

/** Ten bases, ninety on these, the rest on those; each has a package that requires nineteen more. */
function recipes(): Planned[] {
  return Array.from({ length: recipeCount }, (_, index) => {
    const names = Array.from({ length: perRecipe }, (__, at) => `k${index}-${at}`);
    const packages = names.map((name, at) => ({
      name,
      version: 1,
      arch: 'x86_64',
      requires: at === 0 ? names.slice(1) : names.slice(at + 1, at + 3),
    }));
    const base = index < 10 ? undefined : index < 100 ? `r${index % 10}` : `r${10 + (index % 90)}`;
    return { name: `r${index}`, base, words: [names[0]!], packages };
  });
}

const sumOf = (one: SmallPackage) => createHash('sha256').update(nevraOf(one)).digest('hex');

function lockedOf(one: SmallPackage): LockedPackage {
  const { name, version, arch } = one;
  return {
    nevra: nevraOf(one),
    name,
    epoch: 0,
    version: String(version),
    release: '1',
    arch,
    repo: 'many',
    url: `http://repository.invalid/${nevraOf(one)}.rpm`,
    size,
    sha256: sumOf(one),
    sourceRpm: `${name}-${version}-1.src.rpm`,
  };
}

class Planning {
  readonly #place = mkdtempSync(join(tmpdir(), 'bench-plan-'));
  #count = 0;

  async prepare(): Promise<void> {
    const all = recipes();
    const packages = all.flatMap((one) => one.packages);
    const now = packages.map((one, index) => (index % 100 === 7 ? { ...one, version: 2 } : one));
    const records = now.map((one) => recordOf(one, { sha256: sumOf(one), size }));
    for (const [path, bytes] of Object.entries(metadataOf(records, 1_700_000_000))) {
      const file = join(this.#place, 'repository', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
    const repos = [{ name: 'many', baseurl: 'repository', gpgcheck: false }];
    for (const { name, base, words } of all) {
      const recipe = { name, repos, arches: ['x86_64'], packages: words, ...(base && { from: base }) };
      writeFileSync(join(this.#place, `${name}.yaml`), stringify(recipe));
    }
    const set = { name: 'many', key: 'none', recipes: all.map(({ name }) => name) };
    writeFileSync(this.#set, stringify(set));
    await this.#writeLocks(all);
  }

  get #set(): string {
    return join(this.#place, 'milliner.yaml');
  }

  async #writeLocks(all: readonly Planned[]): Promise<void> {
    const reader = new RecipeReader();
    const locks = new Map<string, Lock>();
    for (const { name, base, packages } of all) {
      const { recipe, lockPath } = (await reader.chain(join(this.#place, `${name}.yaml`))).at(-1)!;
      const below = base === undefined ? undefined : locks.get(base)!;
      const inherited = below?.arches['x86_64'];
      const own = packages.map(lockedOf);
      const plan = own.map((one) => [one.name]);
      const lock = sealLock({
        version: 2,
        recipe: name,
        inputs: inputsOf(recipe),
        ...(below && { base: { recipe: below.recipe, lock: below.digest } }),
        epoch: 1_700_000_000,
        reproducibleElsewhere: true,
        versions: currentVersions(),
        arches: {
          x86_64: {
            packages: [...(inherited?.packages ?? []), ...own],
            base: inherited?.packages.map(({ nevra }) => nevra) ?? [],
            removed: [],
            layers: { below: inherited ? inherited.layers.below + 8 : 0, plan: layersOf(plan.flat()) },
            tools: [],
          },
        },
      });
      locks.set(name, lock);
      writeFileSync(lockPath, `${JSON.stringify(lock, null, 2)}\n`);
    }
  }

  #start() {
    const state = join(this.#place, `state-${this.#count++}`);
    const args = ['nightly', this.#set, '--dry-run', '--json', '--state', state];
    return spawn(process.execPath, [join(checkout, 'dist/cli.js'), ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }

  async seconds(): Promise<number> {
    const begin = performance.now();
    const [code] = (await once(this.#start(), 'exit')) as [number | null];
    if (code !== 0) throw new Error(`the plan ended with ${code}`);
    return (performance.now() - begin) / 1000;
  }

  async mebibytes(): Promise<number> {
    return (await peakMemory(this.#start())) / 1024 ** 2;
  }

  close(): void {
    rmSync(this.#place, { recursive: true });
  }
}

/** Five layers of four sources. */
function layersOf(names: readonly string[]): string[][] {
  return [0, 1, 2, 3, 4].map((layer) => names.filter((_, index) => index % 5 === layer));
}

export async function planCases(): Promise<Bench> {
  const bench = new Planning();
  await bench.prepare();
  const common = { bench: 'plan', target: { atMost: 1 }, runs: 3, seconds: { ours: 10, peer: 0 } };
  return {
    cases: [
      {
        ...common,
        case: `a plan of ${recipeCount} recipes, beside ${maxSeconds} s`,
        unit: 's',
        ours: () => bench.seconds(),
        peer: () => Promise.resolve(maxSeconds),
      },
      {
        ...common,
        case: `peak memory of it, beside ${maxMebibytes} MiB`,
        unit: 'MiB',
        ours: () => bench.mebibytes(),
        peer: () => Promise.resolve(maxMebibytes),
      },
    ],
    close: () => Promise.resolve(bench.close()),
  };
}
