/** Faults at random, the same in every run: any value of any tag, any number of the archive. */
import { generator } from '../../helpers/random.ts';
import { mutateDraft } from '../mutate/package.ts';
import type { Draft, Mutation } from './draft.ts';

/** What tells a package apart or who may read it has mutants of its own; none of these would get any further. */
const spared = new Set([1000, 1001, 1002, 1022, 1047, 1048, 1049, 1050, 1112, 1113, 5092, 5093, 5097]);

export function randomMutations(count: number): Mutation[] {
  return Array.from({ length: count }, (_, index) => [
    `at random: ${index}`,
    'any',
    (draft: Draft) => mutateDraft(draft, generator(index + 1), spared),
  ]);
}
