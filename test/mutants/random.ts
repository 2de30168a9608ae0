/** Faults at random, the same in every run: any value of any tag, any number of the archive. */
import type { Draft, Mutation } from './draft.ts';

const extremes = [
  0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xffff, 0x8000, 0o120777, 0o040755, 0o020666, 0o106755,
];
const words = [
  '',
  '.',
  '..',
  '/',
  '../../../../tmp',
  '/opt/n/outside',
  'opt',
  'a',
  '\u00ff',
  'root',
  ' ',
  '%{_tmppath}',
];
/** What tells a package apart or who may read it has mutants of its own; none of these would get any further. */
const untouched = new Set([1000, 1001, 1002, 1022, 1047, 1048, 1049, 1050, 1112, 1113, 5092, 5093, 5097]);

export function randomMutations(count: number): Mutation[] {
  return Array.from({ length: count }, (_, index) => [
    `at random: ${index}`,
    'any',
    (draft: Draft) => mutate(draft, generator(index + 1)),
  ]);
}

function generator(seed: number): (below: number) => number {
  let state = (seed * 0x9e3779b1) | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function mutate(draft: Draft, random: (below: number) => number): void {
  const pick = <T>(from: readonly T[]): T => from[random(from.length)]!;
  for (let fault = random(3); fault >= 0; fault -= 1) {
    if (random(3) === 0) {
      const member = pick(draft.archive);
      const at = random(12);
      member.fields[at] = random(2) === 0 ? pick(extremes) : pick(draft.archive).fields[at]!;
      continue;
    }
    const entry = pick(draft.header.filter(({ tag, type }) => !untouched.has(tag) && type !== 'binary'));
    const at = random(entry.values.length);
    const isNumber = typeof entry.values[0] === 'number';
    const other = random(2) === 0 ? pick(entry.values) : pick<number | string>(isNumber ? extremes : words);
    const values = random(8) === 0 ? entry.values.toSpliced(at, 1) : entry.values.with(at, other);
    draft.header = draft.header.filter((one) => one !== entry);
    if (values.length > 0) draft.header.push({ ...entry, values });
  }
}
