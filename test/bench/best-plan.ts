/** The plan of layers to hold ours against: made with the true chances known, which no lock knows. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { inParallel } from '../../spec/pool.ts';
import { readPackage } from '../../src/lib/rpm/package.ts';
import { sourceNameOf } from '../../src/stages/lock/lock-file.ts';
import { level } from './nightly.ts';

/**
 * Costs least where every source changes with the same chance: of two layers, that with more sources has the smaller
 * ones, so layers are runs of the sources by size. Gives names by layer.
 */
export function bestPlan(sizes: ReadonlyMap<string, number>, most: number, chance: number): string[][] {
  const sorted = [...sizes].toSorted(([, a], [, b]) => b - a);
  const sums = [0];
  for (const [, size] of sorted) sums.push(sums.at(-1)! + size);
  const cost = (from: number, to: number) => (sums[to]! - sums[from]!) * (1 - (1 - chance) ** (to - from));
  /** By the number of sources placed: the least cost, and where the layers end. */
  let best = sums.map((_, to) => ({ cost: cost(0, to), ends: [to] }));
  for (let layers = 2; layers <= most; layers++) {
    best = best.map((known, to) => {
      let found = known;
      for (let from = 1; from < to; from++) {
        const more = best[from]!.cost + cost(from, to);
        if (more < found.cost) found = { cost: more, ends: [...best[from]!.ends, to] };
      }
      return found;
    });
  }
  const { ends } = best.at(-1)!;
  return ends.map((end, index) => sorted.slice(ends[index - 1] ?? 0, end).map(([name]) => name));
}

/** Bytes of packages, each compressed alone as layers are. */
export class PackageSizes {
  readonly #packages = new Map<string, { source: string; size: number }>();

  /** Gives the names of their source packages. */
  async measure(rpms: readonly string[]): Promise<string[]> {
    const sources = await inParallel(rpms, async (rpm) => {
      const { name, sourceRpm } = await readPackage(rpm);
      const source = sourceNameOf({ name, sourceRpm });
      this.#packages.set(name, { source, size: await compressedSize(rpm) });
      return source;
    });
    return [...new Set(sources)];
  }

  /** Of all of its packages. */
  bySource(): Map<string, number> {
    const sizes = new Map<string, number>();
    for (const { source, size } of this.#packages.values())
      sizes.set(source, (sizes.get(source) ?? 0) + size);
    return sizes;
  }
}

async function compressedSize(rpm: string): Promise<number> {
  const script = 'rpm2cpio "$0" | zstd -q -"$1" -c | wc -c';
  return Number((await promisify(execFile)('sh', ['-c', script, rpm, String(level)])).stdout);
}
