/** Random universes: the same decision as dnf, and the same packages wherever dnf's answer is unique by its own rules. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dnfs, explain, kinds, ours, write, type Answer, type Written } from './compare.ts';
import { universeOf } from './universe.ts';
import { shareOfDay, soak } from '../../../helpers/soak.ts';

const drawn = shareOfDay(
  Array.from({ length: soak ? 500 : 25 }, (_, index) => index + 1),
  3,
);
const count = drawn.length;

test(`${count} universes: as dnf, and every difference has its reason`, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'universes-'));
  try {
    const all: Written[] = [];
    const mine: Answer[] = [];
    for (const seed of drawn) {
      const one = await write(universeOf(seed), join(directory, String(seed)));
      all.push(one);
      mine.push(await ours(one));
    }
    const theirs = await dnfs(all);
    const found = await explain(all, mine, theirs);
    const seedsOf = (kind: string) =>
      all.filter((_, index) => found[index] === kind).map((one) => one.universe.seed);
    for (const [kind, meaning] of Object.entries(kinds)) {
      const seeds = seedsOf(kind);
      const which = kind === 'same' || seeds.length === 0 ? '' : ` (${seeds.join(' ')})`;
      process.stdout.write(`universes: ${String(seeds.length).padStart(3)} ${kind}: ${meaning}${which}\n`);
    }
    const solved = theirs.filter((answer) => answer.solved).length;
    process.stdout.write(`universes: dnf has an answer to ${solved} of ${count}\n`);
    expect(seedsOf('unexplained')).toEqual([]);
    // Universes that nobody can solve, or everybody, would show little.
    expect(solved).toBeGreaterThan(soak ? count / 3 : 0);
    if (soak) expect(solved).toBeLessThan(count);
  } finally {
    await rm(directory, { recursive: true });
  }
});
