/** Chance that comes out alike in every run: what fails once can be made again from its number. */

/** A whole number from 0, less than `below`. */
export type Random = (below: number) => number;

/** Xorshift over 32 bits (Marsaglia, 2003). */
export function generator(seed: number): Random {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % Math.max(1, below);
  };
}

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)]!;
}

/** One to `most` faults, one after another. */
export function faults<T>(random: Random, most: number, sound: T, fault: (value: T) => T): T {
  let value = sound;
  for (let left = random(most); left >= 0; left -= 1) value = fault(value);
  return value;
}

/** What fields of 8 to 32 bits overflow at. */
export const extremes = [
  0, 1, 0x7f, 0xff, 0x7fff, 0x8000, 0xffff, 0x10000, 0x0fffffff, 0x10000000, 0x7fffffff, 0x80000000,
  0xfffffff0, 0xffffffff,
];
