/**
 * A process that reads thousands of damaged files, one after the other, and tells of each what became of it. The file
 * that is being read lies in a directory of its own until that is known: if the process does not live to tell, it is
 * the one.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { removeTree } from '../../../src/lib/host/remove-tree.ts';
import { generator } from '../../helpers/random.ts';
import { Originals } from './original-files.ts';
import { mostMemory, type Report } from './report.ts';
import { useSanitizedAddon } from './sanitized.ts';
import type { Subject } from './subject.ts';
import { subjects } from './subjects.ts';

const [directory = '', work = '', name = '', from = '0', to = '0'] = process.argv.slice(2);
if (process.env['LD_PRELOAD'] !== undefined) {
  // Not for the programs that are started from here.
  delete process.env['LD_PRELOAD'];
  useSanitizedAddon();
}

/** What nobody waited for. */
let stray: unknown;
process.on('unhandledRejection', (error) => (stray = error));

const originals = new Originals(directory);
try {
  for (let index = Number(from); index < Number(to); index += 1) {
    const report = await examine(subjects[name]!, index);
    await new Promise((resolve) => process.send?.(report, resolve));
  }
} catch (error) {
  process.stderr.write(`the mutation itself has failed: ${describe(error)}\n`);
  process.exitCode = 1;
}
process.disconnect?.();

async function examine(subject: Subject, index: number): Promise<Report> {
  const seed = createHash('sha256').update(`${name} ${index}`).digest().readUInt32LE();
  const { ending, bytes } = subject.mutate(originals, generator(seed));
  const place = join(work, String(index));
  const path = join(place, `input${ending}`);
  mkdirSync(place);
  writeFileSync(path, bytes);
  stray = undefined;
  const result = await outcomeOf(subject, path);
  const memory = Math.ceil(process.resourceUsage().maxRSS / 1024);
  const failure = memory > mostMemory ? `the process has had ${memory} MiB` : result.failure;
  if (failure === undefined) await remove(place);
  const digest = createHash('sha256').update(bytes).digest('hex');
  const { outcome, isInAddon } = result;
  return { index, digest, memory, outcome, isInAddon, ...(failure !== undefined && { failure }) };
}

type Result = Pick<Report, 'outcome' | 'failure' | 'isInAddon'>;

async function outcomeOf(subject: Subject, path: string): Promise<Result> {
  let isInAddon = false;
  try {
    await subject.read(path, originals, () => (isInAddon = true));
    // A rejection that nobody handles shows after the turn in which it was made.
    await setImmediate();
    if (stray !== undefined) throw stray;
    return { outcome: 'read', isInAddon };
  } catch (error) {
    if (error instanceof MillinerError && subject.refusals.includes(error.code))
      return { outcome: error.code, isInAddon };
    return { outcome: 'failure', isInAddon, failure: describe(error) };
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? ` (${String(error.code)})` : '';
  return `${error.stack ?? error.message}${code}`.slice(0, 4000);
}

/** Most are one file; a tree may have names that Node cannot say. */
async function remove(place: string): Promise<void> {
  try {
    rmSync(place, { recursive: true });
  } catch {
    await removeTree(place);
  }
}
