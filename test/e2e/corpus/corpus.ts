/**
 * Holds our reader, version comparison, dependency matching, solver and installation against a directory of
 * packages, repositories and what the real tools made of them: npm run corpus -- DIR [--json FILE].
 * Work is found by name at any depth; every kind counts for itself, and any difference ends with exit code 1.
 */
import { mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { depsolve } from './depsolve.ts';
import { headers } from './headers.ts';
import { add, emptyCount, type Corpus, type Count, type Kind } from './outcome.ts';
import { rootfs } from './rootfs.ts';
import { testcases } from './test-cases.ts';
import { matching, versions } from './vectors.ts';

const kinds: readonly Kind[] = [versions, matching, headers, testcases, depsolve, rootfs];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' }, only: { type: 'string', multiple: true } },
});
const [directory] = positionals;
if (directory === undefined || positionals.length > 1) {
  process.stderr.write('usage: npm run corpus -- DIR [--json FILE] [--only KIND]...\n');
  process.exit(2);
}
const only = values.only;
const counts: Record<string, Count> = {};
const work = await mkdtemp(join(tmpdir(), 'milliner-corpus-'));
try {
  const corpus = await openCorpus(directory, work);
  for (const kind of kinds) {
    if (only && !only.includes(kind.name)) continue;
    const count = await run(kind, corpus);
    counts[kind.name] = count;
    process.stdout.write(shown(kind.name, count));
  }
} finally {
  await rm(work, { recursive: true, force: true });
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(counts, undefined, 2)}\n`);
const all = Object.values(counts);
process.exitCode = all.some(({ failed }) => failed > 0) ? 1 : 0;
if (all.every(({ passed, failed, refused }) => passed + failed + refused === 0)) {
  process.stderr.write(`${directory} has nothing to hold anything against\n`);
  process.exitCode = 2;
}

async function openCorpus(given: string, place: string): Promise<Corpus> {
  const root = await realpath(given);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((one) => one.isFile())
    .map((one) => relative(root, join(one.parentPath, one.name)));
  return { directory: root, files: files.toSorted(), work: place };
}

async function run(kind: Kind, corpus: Corpus): Promise<Count> {
  const count = emptyCount();
  for await (const outcome of kind.outcomes(corpus)) add(count, outcome);
  return count;
}

function shown(name: string, count: Count): string {
  const { passed, failed, refused, explained, notApplicable, reasons, first } = count;
  const numbers = [
    `${passed} passed`,
    `${failed} failed`,
    `${refused} refused`,
    ...(explained > 0 ? [`${explained} explained`] : []),
    `${notApplicable} not applicable`,
  ];
  const why = Object.entries(reasons).map(([reason, times]) => `${times} ${reason}`);
  const lines = first ? [first.subject, ...first.difference.map((line) => `  ${line}`)] : [];
  return [`${name}: ${numbers.join(', ')}`, ...[...why, ...lines].map((line) => `  ${line}`), ''].join('\n');
}
