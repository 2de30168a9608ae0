/**
 * libsolv's own test cases: its testcase reader fills the pool and makes the jobs, our code solves and describes
 * (testcase.cc). Held against what the case expects of transactions and problems (or, where it expects only other
 * things, against libsolv's own answer); a test that testsolv fails itself is counted apart. Solutions to problems are libsolv's advice, which we do not give.
 */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { checkout } from '../../../spec/places.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { compareEvr, parseEvr } from '../../../src/lib/rpm/version-order.ts';
import { broken, compared, type Kind, type Outcome } from './outcome.ts';

const native = join(checkout, 'native');
/** What testsolv and testcase.cc end with where this libsolv lacks a feature that the case names. */
const lacksFeature = 77;

export const testcases: Kind = {
  name: 'testcases',
  async *outcomes(corpus) {
    const cases = corpus.files.filter((file) => /(?:^|\/)testcases\/.*\.t$/.test(file));
    if (cases.length > 0) await run('make', ['-s', '-C', native, 'build/testcase']);
    for (const file of cases) {
      try {
        yield* holdCase(file, join(corpus.directory, file));
      } catch (error) {
        yield broken(file, error);
      }
    }
  },
};

async function* holdCase(subject: string, path: string): AsyncGenerator<Outcome> {
  const program = join(native, 'build', 'testcase');
  const { stdout, exitCode } = await run(program, [path], { allow: [0, 1, lacksFeature] });
  if (exitCode !== 0) {
    const theirs = await run('testsolv', [path], { allow: [0, 1, lacksFeature] });
    const reason = exitCode === lacksFeature ? 'this libsolv lacks a feature' : 'this libsolv cannot read it';
    if (theirs.exitCode === exitCode) yield { subject, result: 'not applicable', reason };
    else yield compared(subject, [`ends with ${exitCode}, testsolv with ${theirs.exitCode}`]);
    return;
  }
  const reference = await askTestsolv(path);
  for (const [index, test] of readTests(stdout).entries()) {
    yield holdTest(`${subject}, test ${index + 1}`, test, reference[index] ?? []);
  }
}

interface Test {
  /** The case itself says what the answer is; otherwise libsolv does. */
  expects: boolean;
  /** Versions compare as rpm's do. */
  rpm: boolean;
  expected: string[];
  added: string[];
  removed: string[];
  problems: string[][];
}

function readTests(output: string): Test[] {
  const tests: Test[] = [];
  for (const row of output.split('\n').slice(0, -1)) {
    const [what, value] = [row.slice(0, row.indexOf('\t')), row.slice(row.indexOf('\t') + 1)];
    const test = tests.at(-1);
    if (what === 'test') {
      tests.push({
        expects: value === 'expects',
        rpm: false,
        expected: [],
        added: [],
        removed: [],
        problems: [],
      });
    } else if (what === 'versions') test!.rpm = value === 'rpm';
    else if (what === 'problem') test!.problems.push([]);
    else if (what === 'line') test!.problems.at(-1)!.push(value);
    else test![what as 'expected' | 'added' | 'removed'].push(value);
  }
  return tests;
}

/** What libsolv's own tool makes of each test, as lines of a result. */
async function askTestsolv(path: string): Promise<string[][]> {
  const { stdout } = await run('testsolv', ['-rr', path], { allow: [0, 1] });
  const parts = stdout.split(/^test \d+:\n/m);
  return (parts.length > 1 ? parts.slice(1) : parts).map((part) =>
    part.split('\n').flatMap((line) => (line.startsWith('#>') ? [line.slice(2)] : [])),
  );
}

function holdTest(subject: string, test: Test, reference: string[]): Outcome {
  const expected = readResult(test.expected);
  const difference = [...differences(expected, test), ...(test.rpm ? wrongVersions(test.expected) : [])];
  if (!test.expects) return compared(subject, difference);
  const theirs = readResult(reference);
  if (isDeepStrictEqual(theirs, expected)) return compared(subject, difference);
  const known =
    difference.length === 0
      ? 'pass'
      : differences(theirs, test).length === 0
        ? 'give what it gives'
        : 'differ from both';
  return { subject, result: 'not applicable', reason: `testsolv fails it itself; we ${known}` };
}

/** What a case says of versions, such as `job noop provides 1.0 < 1.0^`. */
function wrongVersions(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const [, a, sign, b] = /^job noop provides (\S+) ([<=>]) (\S+)$/.exec(line) ?? [];
    if (a === undefined || sign === undefined || b === undefined) return [];
    const ours = '<=>'.charAt(compareEvr(parseEvr(a), parseEvr(b)) + 1);
    return ours === sign ? [] : [`ours ${a} ${ours} ${b}, expected ${sign}`];
  });
}

interface Result {
  added: string[];
  removed: string[];
  /** By problem, what explains it. */
  problems: string[];
}

/** Words of a transaction's lines; with two packages the first is replaced by the second. */
const steps = /^(?:install|erase|upgrade|downgrade|reinstall|change|obsolete|multiinstall|multireinstall)d? /;

function readResult(lines: readonly string[]): Result {
  const result: Result = { added: [], removed: [], problems: [] };
  for (const line of lines) {
    const info = /^problem \S+ info (.*)$/.exec(line)?.[1];
    if (info !== undefined) result.problems.push(info);
    if (!steps.test(line)) continue;
    const [word, first = '', second] = line.split(' ');
    if (word === 'erase') result.removed.push(first);
    else if (second === undefined) result.added.push(first);
    else {
      result.removed.push(first);
      result.added.push(second);
    }
  }
  return result;
}

function differences(expected: Result, ours: Test): string[] {
  // An epoch of 0 is none; what is removed is installed, wherever the case has it from.
  const added = (names: string[]) => names.map((name) => name.replace(/-0:(?=[^-]*-[^-]*$)/, '-')).toSorted();
  const removed = (names: string[]) => added(names.map((name) => name.replace(/@.*$/, '')));
  const failures = [
    ...(expected.problems.length === ours.problems.length
      ? []
      : [`${ours.problems.length} problems, expected ${expected.problems.length}`]),
    ...expected.problems
      .filter((info) => !ours.problems.some((lines) => lines.includes(info)))
      .map((info) => `no problem says: ${info}`),
  ];
  // With problems there is no answer; libsolv then lists what it could decide before it met them, we nothing.
  if (expected.problems.length > 0) return failures;
  return [
    ...failures,
    ...missing('to install', added(expected.added), added(ours.added)),
    ...missing('to remove', removed(expected.removed), removed(ours.removed)),
  ];
}

function missing(what: string, expected: string[], ours: string[]): string[] {
  return [
    ...expected.filter((name) => !ours.includes(name)).map((name) => `${what}, not by us: ${name}`),
    ...ours.filter((name) => !expected.includes(name)).map((name) => `${what}, only by us: ${name}`),
  ];
}
