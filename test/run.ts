/** All tests, after lint: makes the RPM repository that they need, runs them, and ends with the count. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { checkout } from '../spec/places.ts';

function step(program: string, args: string[]): number {
  process.stderr.write(`test: ${program} ${args.join(' ')}\n`);
  return spawnSync(program, args, { cwd: checkout, stdio: 'inherit' }).status ?? 1;
}

/** What vitest's JSON reporter writes; times are in milliseconds since 1970. */
interface Outcome {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { name: string; startTime: number; endTime: number }[];
}

const slowestCount = 10;

/** Lines such as '  203.7 s  test/e2e/vm/thin.test.ts', the longest first. */
function slowestFiles({ testResults }: Outcome): string {
  return testResults
    .map(({ name, startTime, endTime }) => ({
      name: relative(checkout, name),
      seconds: (endTime - startTime) / 1000,
    }))
    .toSorted((a, b) => b.seconds - a.seconds)
    .slice(0, slowestCount)
    .map(({ name, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${name}\n`)
    .join('');
}

const reports = mkdtempSync(join(tmpdir(), 'milliner-test-'));
const report = join(reports, 'vitest.json');
const only = process.argv.slice(2);
let status = only.length > 0 ? 0 : step('npm', ['run', '-s', 'lint']);
status ||= step('node', ['spec/repository.ts']);
if (status === 0) {
  status = step('vitest', [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...only,
  ]);
  const outcome = JSON.parse(readFileSync(report, 'utf8')) as Outcome;
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = outcome;
  const skipped = numPendingTests + numTodoTests;
  // A skipped test proves nothing: CI has all that the tests need.
  if (skipped > 0) status ||= 1;
  process.stdout.write(`The slowest files:\n${slowestFiles(outcome)}`);
  process.stdout.write(`${numPassedTests} passed, ${numFailedTests} failed, ${skipped} skipped\n`);
}
rmSync(reports, { recursive: true });
process.exitCode = status;
