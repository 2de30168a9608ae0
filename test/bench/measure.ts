/** Runs the cases of a bench in rounds, so that ours and the peers meet the same state of the machine. */
import type { Bound, Case, Figure, Measured, Outcome } from './case.ts';
import type { Usage } from './usage.ts';

type Run = () => Promise<Measured>;
interface Round {
  ours: Measured;
  peer: Measured;
}

const sides = ['ours', 'peer'] as const;
const units = { wall: 's', processor: 'core-s', machine: 'core-s' };

/** @param onRound called before each round, of how many */
export async function measureCases(
  cases: readonly Case[],
  onRound: (round: number, rounds: number) => void,
): Promise<Outcome[]> {
  const rounds = Math.max(...cases.map(({ runs }) => runs));
  const found = new Map<Case, Round[]>(cases.map((one) => [one, []]));
  for (let round = 0; round < rounds; round++) {
    onRound(round + 1, rounds);
    const measured = await measureRound(
      cases.filter(({ runs }) => runs > round),
      round,
    );
    for (const [one, figures] of measured) found.get(one)!.push(figures);
  }
  return [...found].flatMap(([one, runs]) => outcomesOf(one, runs));
}

/** Who goes first takes turns as well. */
async function measureRound(cases: readonly Case[], round: number): Promise<Map<Case, Round>> {
  const done = new Map<Run, Measured>();
  const order = round % 2 === 0 ? sides : sides.toReversed();
  for (const one of cases) {
    for (const side of order) if (!done.has(one[side])) done.set(one[side], await one[side]());
  }
  return new Map(cases.map((one) => [one, { ours: done.get(one.ours)!, peer: done.get(one.peer)! }]));
}

/** Seconds that the cases will take. */
export function expectedSeconds(cases: readonly Case[]): number {
  const longest = new Map<Run, number>();
  for (const one of cases)
    for (const side of sides) {
      const seconds = one.runs * one.seconds[side];
      longest.set(one[side], Math.max(seconds, longest.get(one[side]) ?? 0));
    }
  return longest.values().reduce((sum, seconds) => sum + seconds, 0);
}

function outcomesOf(one: Case, rounds: readonly Round[]): Outcome[] {
  const { target, aim } = one;
  if (typeof rounds[0]!.ours === 'number') return [outcomeOf(one, 'value', rounds, { target, aim })];
  return [
    outcomeOf(one, 'wall', rounds, { target, aim }),
    outcomeOf(one, 'processor', rounds, { target: one.processor?.target, aim: one.processor?.aim }),
    outcomeOf(one, 'machine', rounds, { target: undefined, aim: undefined }),
  ];
}

function outcomeOf(
  one: Case,
  figure: Figure,
  rounds: readonly Round[],
  { target, aim }: { target: Bound | undefined; aim: Bound | undefined },
): Outcome {
  const of = (measured: Measured) =>
    figure === 'value' ? (measured as number) : (measured as Usage)[figure];
  const runs = { ours: rounds.map(({ ours }) => of(ours)), peer: rounds.map(({ peer }) => of(peer)) };
  const [ours, peer] = [median(runs.ours), median(runs.peer)];
  const ratio = ours / peer;
  const ratios = runs.ours.map((value, index) => value / runs.peer[index]!);
  return {
    bench: one.bench,
    case: one.case,
    figure,
    ours,
    peer,
    ratio,
    spread: [Math.min(...ratios), Math.max(...ratios)],
    target: textOf(target),
    aim: textOf(aim),
    ok: isWithin(ratio, target),
    unit: figure === 'value' ? one.unit : units[figure],
    runs,
  };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

function textOf(bound: Bound | undefined): string {
  if (!bound) return 'none';
  return 'atLeast' in bound ? `>= ${bound.atLeast}` : `<= ${bound.atMost}`;
}

function isWithin(ratio: number, bound: Bound | undefined): boolean {
  if (!bound) return true;
  return 'atLeast' in bound ? ratio >= bound.atLeast : ratio <= bound.atMost;
}
