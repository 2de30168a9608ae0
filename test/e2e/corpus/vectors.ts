/** Version comparison and dependency matching, held against tables of what rpm answers. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sense, type Dependency } from '../../../src/lib/rpm/dependencies.ts';
import { dependencyMatches } from '../../../src/lib/rpm/evr.ts';
import { rpmvercmp } from '../../../src/lib/rpm/version-order.ts';
import { compared, type Corpus, type Kind, type Outcome } from './outcome.ts';

const vectorsIn = ({ files }: Corpus, name: RegExp) =>
  files.filter((file) => /(?:^|\/)_vectors\/[^/]+$/.test(file) && name.test(basename(file)));

/** rpmvercmp: a, b and the sign, between tabs. */
export const versions: Kind = {
  name: 'versions',
  async *outcomes(corpus) {
    for (const file of vectorsIn(corpus, /vercmp.*\.tsv$/)) {
      for (const line of (await readFile(join(corpus.directory, file), 'utf8')).split('\n')) {
        if (line === '' || line.startsWith('#')) continue;
        const [a = '', b = '', sign] = line.split('\t');
        yield answered(`${a} and ${b}`, rpmvercmp(a, b), Number(sign));
      }
    }
  },
};

/** [name], or [name, operator, version]. */
type Side = [string, string?, string?];

/** What is provided, what is required, and 1 where they match. */
export const matching: Kind = {
  name: 'matching',
  async *outcomes(corpus) {
    for (const file of vectorsIn(corpus, /depmatch.*\.json$/)) {
      const text = await readFile(join(corpus.directory, file), 'utf8');
      const { pairs } = JSON.parse(text) as { pairs: [Side, Side, number][] };
      for (const [provided, required, match] of pairs) {
        const answer = dependencyMatches(dependency(provided), dependency(required));
        yield answered(`${provided.join(' ')} for ${required.join(' ')}`, answer ? 1 : 0, match);
      }
    }
  },
};

const operators = [
  ['<', sense.less],
  ['>', sense.greater],
  ['=', sense.equal],
] as const;

function dependency([name, operator = '', version = '']: Side): Dependency {
  const flags = operators.reduce((bits, [sign, bit]) => bits | (operator.includes(sign) ? bit : 0), 0);
  return { name, flags, version };
}

function answered(subject: string, ours: number, truth: number): Outcome {
  return compared(subject, ours === truth ? [] : [`ours ${ours}, rpm's ${truth}`]);
}
