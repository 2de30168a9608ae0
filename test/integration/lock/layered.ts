/** Small worlds of packages for an image and its base: versions that stand side by side, replace, obsolete, go back. */
import fc from 'fast-check';
import type { Sample } from '../../helpers/solve/packages.ts';

export interface Layered {
  samples: Sample[];
  /** Of the base, which sees no version 3. */
  below: string[];
  above: string[];
}

const plain = ['a', 'b', 'c', 'd'];
const kernels = ['k', 'm'];
const names = [...plain, ...kernels];
/** What dnf goes by. */
const installOnly = ['installonlypkg(kernel)', 'installonlypkg(kernel-module)', 'multiversion(kernel)'];

const anyVersion = fc.integer({ min: 1, max: 3 });
const wanted = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(...names) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...names), fc.constantFrom('=', '>=', '<='), anyVersion) },
);
type Wanted = string | [string, string, number];

function sampleOf(name: string, at: number): fc.Arbitrary<Sample> {
  const others = plain.filter((other) => other !== name);
  return fc
    .record({
      requires: fc.oneof(
        { weight: 2, arbitrary: fc.constant<Wanted[]>([]) },
        { weight: 1, arbitrary: fc.array(wanted, { maxLength: 2 }) },
      ),
      obsoletes: fc.oneof(
        { weight: 5, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.tuple(fc.constantFrom(...others), fc.constantFrom('', ' < 2', ' < 3')) },
      ),
      kind: fc.constantFrom(...installOnly),
    })
    .map(({ requires, obsoletes, kind }) => ({
      name,
      version: String(at),
      arch: 'noarch',
      Requires: (requires as Wanted[]).map(textOf),
      ...(obsoletes && { Obsoletes: obsoletes.join('') }),
      ...(kernels.includes(name) && { Provides: kind }),
      files: [`/usr/share/${name}/${at}`],
    }));
}

const textOf = (one: Wanted) => (typeof one === 'string' ? one : one.join(' '));

/** A name, or a version of it, which may be older than the base's. */
const anyWord = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(...plain.map((name) => `${name}-1`)) },
  { weight: 2, arbitrary: fc.constantFrom(...names) },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom(...kernels, ...names), anyVersion).map((one) => one.join('-')),
  },
);

export const layered: fc.Arbitrary<Layered> = fc.record({
  samples: fc
    .tuple(...names.flatMap((name) => [1, 2, 3].map((at) => sampleOf(name, at))))
    .map((all) => [...all]),
  below: fc.uniqueArray(fc.oneof(fc.constantFrom(...names), fc.constantFrom('k-1', 'k-2', 'm-1', 'a-1')), {
    minLength: 2,
    maxLength: 4,
  }),
  above: fc.uniqueArray(anyWord, { minLength: 1, maxLength: 3 }),
});

/** The same under other names, so that many worlds can share a repository. */
export function prefixed({ samples, below, above }: Layered, prefix: string): Layered {
  const renamed = (text: string) => `${prefix}${text}`;
  return {
    samples: samples.map((one) => ({
      ...one,
      name: renamed(one.name),
      Requires: [one.Requires ?? []].flat().map((text) => renamed(String(text))),
      ...(one.Obsoletes !== undefined && { Obsoletes: renamed(String(one.Obsoletes)) }),
      files: one.files!.map((path) => path.replace('/usr/share/', `/usr/share/${prefix}`)),
    })),
    below: below.map(renamed),
    above: above.map(renamed),
  };
}

/**
 * Words that the base (NEVRAs) answers stay unanswered by newer packages, of all others the best is insisted on. dnf
 * does the one or the other for all words of a transaction: of a mixture the second kind is asked about.
 */
export function unmixed(one: Layered, base: readonly string[]): Layered & { best: boolean } {
  const there = one.samples.filter(({ name, version }) => base.includes(`${name}-${version}-1.noarch`));
  // Each has a version 1 in the repository, which is older than whatever "obsoletes" says.
  const isAnswered = (word: string) =>
    there.some(({ name, version, Obsoletes }) =>
      [name, `${name}-${version}`, String(Obsoletes).split(' ')[0]].includes(word),
    );
  const others = one.above.filter((word) => !isAnswered(word));
  return others.length > 0 ? { ...one, above: others, best: true } : { ...one, best: false };
}
