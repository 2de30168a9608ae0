/** The runner on a corpus of its own: all of it holds, and each wrong expectation is found. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { start } from '../../../src/lib/host/exec.ts';
import { appFile } from '../../helpers/tiny/tiny.ts';
import type { Count } from './outcome.ts';
import { makeCorpus } from './sample.ts';

let work: string;
let right: string;

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'milliner-corpus-test-'));
  right = join(work, 'right');
  await makeCorpus(right);
});
afterAll(() => rm(work, { recursive: true, force: true }));

async function hold(
  directory: string,
): Promise<{ exitCode: number | undefined; counts: Record<string, Count> }> {
  const report = join(work, 'counts.json');
  const args = [join(import.meta.dirname, 'corpus.ts'), directory, '--json', report];
  const { exitCode, stderr } = await start(process.execPath, args);
  expect(stderr).toBe('');
  return { exitCode, counts: JSON.parse(await readFile(report, 'utf8')) as Record<string, Count> };
}

test('what the real tools say holds', async () => {
  const { exitCode, counts } = await hold(right);
  expect(Object.values(counts).flatMap(({ first }) => first ?? [])).toEqual([]);
  expect(exitCode).toBe(0);
  expect(counts).toMatchObject({
    versions: { passed: 5 },
    matching: { passed: 4 },
    headers: { passed: 9, refused: 4 },
    testcases: { passed: 2, notApplicable: 0 },
    depsolve: { passed: 5, refused: 3 },
  });
  expect(counts['rootfs']!.passed).toBeGreaterThan(50);
});

test('each wrong expectation is found, and shown', async () => {
  const wrong = join(work, 'wrong');
  await cp(right, wrong, { recursive: true });
  for (const [file, from, to] of lies) await change(join(wrong, file), from, to);
  const { exitCode, counts } = await hold(wrong);
  expect(exitCode).toBe(1);
  const failed = Object.entries(counts).map(([kind, { failed: times, first }]) => [
    kind,
    times,
    first?.subject,
  ]);
  expect(failed).toEqual([
    ['versions', 1, '2_0 and 2.0'],
    ['matching', 1, 'a for b'],
    ['headers', 1, `plain/${appFile}`],
    // testsolv fails a wrong case too: nothing follows from it.
    ['testcases', 0, undefined],
    ['depsolve', 2, 'tiny-extra'],
    ['rootfs', 1, '_oracle/tiny: /usr/bin/tiny-setuid'],
  ]);
  expect(counts['headers']!.first!.difference.join('\n')).toContain('A service of another kind');
  expect(counts['rootfs']!.first!.difference).toEqual(["mode: ours 0o4755, rpm's 0o755"]);
  expect(counts['testcases']!.notApplicable).toBe(1);
});

/** File, what stands there, what is claimed instead; only the first place. */
const lies: [string, RegExp, string][] = [
  ['_vectors/rpmvercmp.tsv', /^2_0\t2\.0\t0$/m, '2_0\t2.0\t1'],
  ['_vectors/rpm-depmatch.json', /\[\["a"\], \["b"\], 0\]/, '[["a"], ["b"], 1]'],
  ['_oracle/tiny-header-truth.jsonl.gz', /A service with a user of its own/, 'A service of another kind'],
  ['solver/testcases/answer.t', /#>install C-1-1\.noarch@test\n/, ''],
  ['_oracle/tiny-depsolve.json.gz', /"tiny-base-[^"]*",?/, ''],
  ['_oracle/tiny-depsolve.json.gz', /"error":"no match"/, '"packages":[]'],
  ['_oracle/tiny-rootfs-scripts.tsv.gz', /0o4755/, '0o755'],
];

async function change(file: string, from: RegExp, to: string): Promise<void> {
  const bytes = await readFile(file);
  const packed = file.endsWith('.gz');
  const text = (packed ? gunzipSync(bytes) : bytes).toString();
  const changed = text.replace(from, to);
  expect(changed).not.toBe(text);
  await writeFile(file, packed ? gzipSync(changed) : changed);
}
