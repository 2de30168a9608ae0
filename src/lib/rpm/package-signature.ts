/** Verifies signatures of packages with rpm, in batches on all cores. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { inParallel } from '../host/parallel.ts';
import { readKeys, type KeyOptions, type TrustedKey } from './keys.ts';
import { readHead, type PackageHead } from './lead.ts';
import type { Problem, VerifiedPackage } from './makers.ts';
import { judgeDigests, judgeFile, judgeSignature, type Judge } from './package-judgement.ts';
import { withKeyring } from './rpm-keyring.ts';
import { runRpmkeys, type VerifyLevel } from './rpmkeys.ts';

export type { SignatureProblem, VerifiedPackage } from './makers.ts';

export interface BadPackage extends Problem {
  path: string;
}

/** A package's path, or how to wait for one that is still being fetched. */
type AwaitedFile = string | (() => Promise<string>);

export interface DigestOptions extends KeyOptions {
  /** For callers that have read the head of a package already. */
  headOf?: (path: string) => Promise<PackageHead>;
}

export interface VerifyOptions extends DigestOptions {
  /** Only these keys are trusted. */
  keys: readonly TrustedKey[];
}

/**
 * Verifies signature and digests of every file with rpm, in a keyring with only these keys, and finds the key that
 * signed each. Returns the files in their order. Throws KEY_INVALID, or SIGNATURE_INVALID with `details.packages:
 * BadPackage[]`, one with a reason for every bad file.
 */
export async function verifySignatures(
  files: readonly AwaitedFile[],
  options: VerifyOptions,
): Promise<VerifiedPackage[]> {
  if (files.length === 0) return [];
  const keys = await readKeys(options.keys, options);
  const judge: Judge<VerifiedPackage> = (verdict, head) => judgeSignature(verdict, head, keys);
  return withKeyring(options.keys, keys, options, (dbpath) =>
    verify(files, { dbpath, level: 'all', judge }, options),
  );
}

/** Verifies digests alone, for repositories whose packages need no signature. Throws SIGNATURE_INVALID as above. */
export async function verifyDigests(
  files: readonly AwaitedFile[],
  options: DigestOptions = {},
): Promise<void> {
  if (files.length === 0) return;
  const check = { level: 'digest', judge: judgeDigests } as const;
  await withKeyring([], [], options, (dbpath) => verify(files, { dbpath, ...check }, options));
}

interface PackageCheck<T extends object | true> {
  dbpath: string;
  level: VerifyLevel;
  judge: Judge<T>;
}

/** Packages for one process of rpmkeys: to start it costs as much as to check three. */
const batchSize = 48;

/** A batch is checked once all of its files have arrived, while others are still being fetched. */
async function verify<T extends object | true>(
  files: readonly AwaitedFile[],
  { dbpath, level, judge }: PackageCheck<T>,
  { signal, headOf = readHead }: DigestOptions,
): Promise<T[]> {
  const batches: AwaitedFile[][] = [];
  for (let at = 0; at < files.length; at += batchSize) batches.push(files.slice(at, at + batchSize));
  const judgements = await inParallel(batches, availableParallelism(), signal, async (batch, stop) => {
    const paths = await Promise.all(batch.map(checkedPath));
    const verdicts = await runRpmkeys(paths, dbpath, level, stop);
    return Promise.all(
      verdicts.map(async (verdict) => ({
        path: verdict.path,
        judgement: await judgeFile(verdict, headOf, judge),
      })),
    );
  });
  const bad: BadPackage[] = [];
  const good: T[] = [];
  for (const { path, judgement } of judgements.flat()) {
    if (typeof judgement === 'object' && 'problem' in judgement) bad.push({ path, ...judgement });
    else good.push(judgement);
  }
  if (bad.length > 0) throw signatureInvalid(bad, files.length);
  return good;
}

/** rpm reports one line for each path, so a path with a line break could fake a line. */
async function checkedPath(file: AwaitedFile): Promise<string> {
  const path = resolve(typeof file === 'string' ? file : await file());
  if (/[\n\r]/.test(path))
    throw new MillinerError('PACKAGE_INVALID', `${JSON.stringify(path)}: has a line break in its path`);
  return path;
}

function signatureInvalid(bad: BadPackage[], total: number): MillinerError {
  const lines = bad.map(({ path, message }) => `${path}: ${message}`);
  const text = bad.length === 1 ? lines[0] : `${bad.length} of ${total} packages:\n${lines.join('\n')}`;
  return new MillinerError('SIGNATURE_INVALID', text ?? '', { details: { packages: bad } });
}
