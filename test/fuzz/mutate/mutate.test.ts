/**
 * Everything that comes from elsewhere, damaged in some way: it is read, or refused with a code that its reader has
 * for that. No reader crashes, hangs, takes much memory, or fails in a way of its own; nor does the addon, which runs
 * with AddressSanitizer and UndefinedBehaviorSanitizer when all of the set is read.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { removeTree } from '../../../src/lib/host/remove-tree.ts';
import { run } from './campaign.ts';
import { makeOriginals } from './originals.ts';
import { buildSanitizedAddon } from './sanitized.ts';
import { layerSubjects } from './subjects.layers.ts';
import { metadataSubjects } from './subjects.metadata.ts';
import { packageSubjects } from './subjects.packages.ts';
import { subjects } from './subjects.ts';
import { mostMemory } from './report.ts';

const isWhole = process.env['MILLINER_SOAK'] !== undefined;
/** For each share of a subject. */
const inputs = isWhole ? 1000 : 6;
/** Headers, repodata and tars that differ, of those that are read with MILLINER_SOAK. */
const wholeSet = 20_000;
/** Packages that the sanitized engine reads then. */
const enginesSet = 5000;

let directory: string;
/** Inputs that are kept show what failed. */
let keep = false;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-mutate-'));
  await makeOriginals(directory);
  if (isWhole) buildSanitizedAddon();
});
afterAll(async () => {
  if (!keep) await removeTree(directory);
});

const names = Object.keys(subjects);
const natives = names.filter((name) => subjects[name]!.isNative);
const seen = new Map(names.map((name) => [name, 0]));
let sanitizedPackages = 0;

async function examine(subject: string, isSanitized: boolean): Promise<void> {
  const count = inputs * (subjects[subject]!.share ?? 1);
  const { digests, outcomes, inAddon, failures, memory } = await run({
    subject,
    count,
    isSanitized,
    directory,
  });
  keep ||= failures.length > 0;
  expect(failures).toEqual([]);
  expect(memory).toBeLessThan(mostMemory);
  // What is never read, or never refused, is no test of anything.
  if (isWhole) expect(Object.keys(outcomes)).toContain('read');
  if (isWhole) expect(Object.keys(outcomes)).toHaveLength(subjects[subject]!.refusals.length + 1);
  seen.set(subject, digests.size);
  if (isSanitized) sanitizedPackages += inAddon;
}

test.each(names)('%s', (name) => examine(name, false));

if (isWhole) {
  test.each(natives)('%s in the sanitized addon', (name) => examine(name, true));

  test('so many packages went through the sanitized engine', () => {
    expect(sanitizedPackages).toBeGreaterThanOrEqual(enginesSet);
  });
}

test('so many headers, repodata and tars have been read, no two of them alike', () => {
  const counted = Object.keys({ ...packageSubjects, ...metadataSubjects, ...layerSubjects });
  const total = counted.reduce((sum, name) => sum + seen.get(name)!, 0);
  expect(total).toBeGreaterThanOrEqual(isWhole ? wholeSet : counted.length * inputs * 0.8);
});
