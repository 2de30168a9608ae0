/** What a mistyped word was probably meant to be. */
import { distance } from 'fastest-levenshtein';

/** Words of thousands of packages are compared: one much longer or shorter is none of those that look alike. */
const maxLengthGap = 3;

/** The word that is most like the given one; undefined if none is similar enough to be a typing error. */
export function nearest(word: string, choices: Iterable<string>): string | undefined {
  const given = plain(word);
  const limit = Math.max(1, Math.floor(given.length / 3));
  let best: { choice: string; rank: number } | undefined;
  for (const choice of choices) {
    if (choice === word) continue;
    const other = plain(choice);
    if (Math.abs(other.length - given.length) > maxLengthGap) continue;
    const rank = isMixedUp(given, other) ? 1 : distance(given, other);
    if (rank > limit || rank >= given.length) continue;
    if (!best || rank < best.rank || (rank === best.rank && choice < best.choice)) best = { choice, rank };
  }
  return best?.choice;
}

/** The hint of an error about a word that is not known. */
export const didYouMean = (suggestion: string) => `Did you mean ${suggestion}?`;

/** Without what people write in one way or another: weak_deps, weak-deps and weakDeps are one word. */
const plain = (word: string) => word.toLowerCase().replaceAll(/[\s_-]/g, '');

/** Two letters that have changed places are one slip, not two. */
const isMixedUp = (one: string, other: string) =>
  one.length === other.length && letters(one) === letters(other);

const letters = (text: string) => text.split('').toSorted().join('');
