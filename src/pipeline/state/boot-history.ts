/**
 * The last boots of each recipe and architecture in this state: how often they failed or were flaky, and what the good
 * ones were like. Verdicts go with their images; this stays.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { retriesOf } from '../../stages/boot/attempts.ts';
import { factsOf, type BootFacts } from '../../stages/boot/compare-boots.ts';
import type { BootCounts } from '../../stages/boot/evidence.ts';
import type { Verdict } from '../../stages/boot/verdict.ts';
import { JsonStore } from './json-store.ts';
import { withStateLock } from './state-lock.ts';

const maxBoots = 50;
/** One is enough to compare with; others are of other backends, or of the same image. */
const maxGood = 8;

const pastBoot = z.object({
  manifestDigest: z.string(),
  finished: z.string(),
  passed: z.boolean(),
  retries: z.int().min(0),
});

export interface BootHistory {
  /** Oldest first. */
  boots: z.output<typeof pastBoot>[];
  /** Newest first, one for each image and backend. */
  good: BootFacts[];
}

type Booted = Pick<Verdict, 'name'> & { arch: string };

const historiesIn = (state: string) =>
  new JsonStore<BootHistory>(join(state, 'boots'), {
    what: 'the history of the boots of a recipe',
    schema: z.object({ boots: z.array(pastBoot), good: z.array(z.custom<BootFacts>()) }),
    hint: 'Remove the file: the next boot begins a new history.',
  });
const fileOf = ({ name, arch }: Booted) => `${name}@${arch}`;

/** Throws STATE_INVALID. */
export async function readBootHistory(state: string, of: Booted): Promise<BootHistory> {
  return (await historiesIn(state).read(fileOf(of))) ?? { boots: [], good: [] };
}

/** The last good boot of another image, of the same backend if there is one. */
export function lastGood(
  { good }: BootHistory,
  { manifestDigest, backend }: BootFacts,
): BootFacts | undefined {
  const others = good.filter((one) => one.manifestDigest !== manifestDigest);
  return others.find((one) => one.backend === backend) ?? others[0];
}

/** Adds the boot, and returns the verdict with the counts that include it. Throws STATE_INVALID. */
export async function rememberBoot(
  place: { state: string; signal?: AbortSignal | undefined },
  arch: string,
  verdict: Verdict,
): Promise<Verdict> {
  const of = { name: verdict.name, arch };
  return withStateLock({ ...place, signal: place.signal }, `boots-${fileOf(of)}`, async () => {
    const next = withBoot(await readBootHistory(place.state, of), verdict);
    await historiesIn(place.state).write(fileOf(of), next);
    return { ...verdict, history: countBoots(next) };
  });
}

export function withBoot({ boots, good }: BootHistory, verdict: Verdict): BootHistory {
  const { manifestDigest, finished, passed } = verdict;
  const past = { manifestDigest, finished, passed, retries: retriesOf(verdict) };
  const facts = factsOf(verdict);
  const isSame = (one: BootFacts) =>
    one.manifestDigest === facts.manifestDigest && one.backend === facts.backend;
  return {
    boots: [...boots, past].slice(-maxBoots),
    good: passed ? [facts, ...good.filter((one) => !isSame(one))].slice(0, maxGood) : good,
  };
}

/** A boot that passed is flaky if it, or the boot of the same image before it, had failed. */
export function countBoots({ boots }: Pick<BootHistory, 'boots'>): BootCounts {
  const before = (index: number) =>
    boots.slice(0, index).findLast((one) => one.manifestDigest === boots[index]!.manifestDigest);
  return {
    boots: boots.length,
    failed: boots.filter(({ passed }) => !passed).length,
    flaky: boots.filter(
      ({ passed, retries }, index) => passed && (retries > 0 || before(index)?.passed === false),
    ).length,
  };
}

/** Removes the histories of recipes of which the state has no image. */
export async function removeOtherHistories(state: string, images: readonly Booted[]): Promise<void> {
  await historiesIn(state).removeOthers(images.map(fileOf));
}
