/**
 * Databases are read by a confined process: SQLite is large, and the file may exploit a bug in it. An attacker who
 * takes the process over gains no more than the file's content gave already.
 */
import { lstat } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { confinementFailed, startModuleConfined } from '../host/confined.ts';
import { commandFailed, endGroup } from '../host/exec.ts';
import { framesIn, NoFrame, type Frame } from './database-frames.ts';
import { Header, type Refuse } from './header.ts';
import type { RewriteOptions } from './rewrite.ts';
import type { RawRow, Source } from './sqlite.ts';

export interface Question {
  source: Source;
  rewrite?: RewriteOptions | undefined;
}

export interface DatabaseFiles {
  source: Source;
  /** Paths that the reader needs. */
  files: string[];
  /** Upper bound of the bytes in all rows. */
  bytes: number;
}

export interface DatabaseRow {
  instance: number;
  header: Header;
}

export function refuseDatabase(path: string): Refuse {
  return (what) => new MillinerError('RPMDB_INVALID', `rpm database ${path}: ${what}`, { details: { path } });
}

/** Packages filled the tree that the database is in, and a link in its place would lead out of it. */
export async function filesOfDatabase(path: string, refuse: Refuse): Promise<DatabaseFiles> {
  const sizes = new Map<string, number>();
  for (const suffix of ['', '-wal', '-shm', '-journal']) {
    const status = await lstat(path + suffix).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' && suffix !== '') return undefined;
      throw refuse(`cannot be opened (${error.code})`);
    });
    if (status && !status.isFile()) throw refuse(`${path}${suffix} is not a regular file`);
    // Not the journal's index, which is made again.
    if (status && suffix !== '-shm') sizes.set(suffix, status.size);
  }
  const hasJournal = ['-wal', '-journal'].some((suffix) => (sizes.get(suffix) ?? 0) > 0);
  const place = resolve(path);
  return {
    source: { path: place, hasJournal },
    files: [...sizes.keys()].map((suffix) => place + suffix),
    bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
  };
}

/** Every package, public keys included, by row, as it is read. Throws RPMDB_INVALID. */
export async function* readRows(path: string, refuse: Refuse): AsyncGenerator<DatabaseRow> {
  yield* rowsOf(askReader(await filesOfDatabase(path, refuse), refuse), refuse);
}

export async function* rowsOf(
  rows: AsyncIterable<RawRow> | Iterable<RawRow>,
  refuse: Refuse,
): AsyncGenerator<DatabaseRow> {
  for await (const { instance, blob } of rows) {
    const refuseRow: Refuse = (what) => refuse(`package ${instance}: ${what}`);
    yield { instance, header: new Header(blob, 'database', refuseRow) };
  }
}

const reader = join(import.meta.dirname, `database-reader${extname(import.meta.filename)}`);
/** Length of a reason. */
const maxTextLength = 4096;

/** With `rewrite` it also writes the canonical form into the target's directory, and returns the rows of that. */
export async function* askReader(
  { source, files, bytes }: DatabaseFiles,
  refuse: Refuse,
  { rewrite, writes }: { rewrite?: RewriteOptions; writes?: string } = {},
): AsyncGenerator<RawRow> {
  const question: Question = { source, rewrite };
  const reach = { reads: files, ...(writes !== undefined && { writes }) };
  const child = startModuleConfined(reader, reach, JSON.stringify(question));
  let isWhole = false;
  try {
    for await (const frame of framesIn(child.stdout as AsyncIterable<Buffer>, bytes + maxTextLength)) {
      if (isWhole) throw new NoFrame('there is data after the end');
      if (frame.kind === 'row') yield rawRow(frame);
      else if (frame.kind === 'end') isWhole = true;
      else throw refusal(frame, source.path, refuse);
    }
    const result = await child;
    if (result.exitCode !== 0)
      throw confinementFailed(result) ?? commandFailed('the reader of rpm databases', [], result);
    if (!isWhole) throw new NoFrame('the end is missing');
  } catch (error) {
    throw error instanceof NoFrame ? refuse(`its reader gives no answer: ${error.message}`) : error;
  } finally {
    endGroup(child);
    await child;
  }
}

function rawRow({ number, bytes }: Frame): RawRow {
  if (!Number.isSafeInteger(number)) throw new NoFrame('a row has no number');
  return { instance: number, blob: bytes as Buffer };
}

function refusal({ kind, bytes }: Frame, path: string, refuse: Refuse): MillinerError {
  if (kind === 'full')
    return new MillinerError('DISK_FULL', `no space left rewriting ${path}`, { details: { path } });
  return refuse(Buffer.from(bytes.subarray(0, maxTextLength)).toString('utf8'));
}
