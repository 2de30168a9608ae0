/**
 * Runs libsolv on untrusted metadata in a process without network and keys. It can write only its answer and the
 * requested cache files. An attacker who takes it over can choose packages, but the lock shows them, and their
 * signatures are verified.
 */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { runModuleConfined } from '../../lib/host/confined.ts';
import { isDigest } from '../../lib/oci/digest.ts';
import type { AddonInput, AddonOutput } from './addon.ts';
import { CacheScratch } from './cache-scratch.ts';

const word = z.string();
const count = z.number();
const chosenPackage = z.object({
  repo: word,
  name: word,
  epoch: count,
  version: word,
  release: word,
  arch: word,
  location: word,
  base: word,
  size: count,
  checksum: z.object({ type: word, value: word }),
  sourceRpm: word,
  buildTime: count,
});
const lines = z.array(z.array(word));
/** What the process answers, checked before anything of it counts. */
export const answerSchema = z.object({
  solved: z.boolean(),
  needsFilelists: z.boolean(),
  packages: z.array(chosenPackage),
  reasons: z.array(
    z.object({
      kind: z.enum(['asked', 'requires', 'recommends', 'supplements', 'replaces', 'other']),
      by: word.optional(),
      dependency: word.optional(),
    }),
  ),
  whyNot: z
    .object({
      kind: z.enum(['present', 'unknown', 'excluded', 'version', 'replaced', 'refused', 'weak', 'unneeded']),
      detail: word,
      by: z.array(word),
      dependency: word,
      candidates: z.array(chosenPackage),
      problems: lines,
    })
    .optional(),
  removed: z.array(chosenPackage),
  cached: z.array(word),
  skipped: z.array(word),
  problems: lines,
  missing: z.array(word).optional(),
  badFile: word.optional(),
  reason: word.optional(),
});

const solver = join(import.meta.dirname, `solver${extname(import.meta.filename)}`);

export async function solveConfined(input: AddonInput): Promise<AddonOutput> {
  await using scratch = await CacheScratch.beside(input);
  if (!scratch) return ask(input);
  // Awaited here, because the directory is removed at the end of this scope.
  return await scratch.settle(await ask(scratch.inside(input), scratch.directory));
}

async function ask(input: AddonInput, writes?: string): Promise<AddonOutput> {
  const reach = { reads: placesOfInput(input), ...(writes !== undefined && { writes }) };
  const text = await runModuleConfined(solver, reach, JSON.stringify(input));
  const parsed = answerSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data as AddonOutput;
  throw new MillinerError('INTERNAL', `the solver gave no valid answer: ${parsed.error.issues[0]!.message}`);
}

/** Directories of all files that the solver reads. */
export function placesOfInput(input: AddonInput): string[] {
  const files = input.repos.flatMap((one) => [
    one.primary,
    one.filelists,
    one.primarySolv,
    one.filelistsSolv,
    ...(one.files ?? []),
  ]);
  const all = [...files, ...input.installed, ...(input.kept ?? [])].filter((file) => file !== undefined);
  return placesOf(all.filter((file) => !isDigest(file)));
}

/**
 * For packages their directories, because there may be thousands of files; for links, the directories of their targets.
 */
function placesOf(files: readonly string[]): string[] {
  const real = (file: string) => (existsSync(file) ? realpathSync(file) : file);
  return [...new Set(files.flatMap((file) => [dirname(resolve(file)), dirname(real(file))]))];
}
