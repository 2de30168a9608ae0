/**
 * The process that reads a database and writes its canonical form: a question as JSON on stdin, frames on stdout.
 * Started by database-process.ts alone.
 */
import { readFileSync, writeSync } from 'node:fs';
import { MillinerError } from '../errors/error.ts';
import { frameHead, type Frame, type FrameKind } from './database-frames.ts';
import type { Question } from './database-process.ts';
import { rewriteDatabase } from './rewrite.ts';
import { rowsIn, withDatabase } from './sqlite.ts';

/** Blocks until the parent has read it, so that no more than one row is in memory. */
function send({ kind, number = 0, bytes = Buffer.alloc(0) }: Partial<Frame> & { kind: FrameKind }): void {
  for (const chunk of [frameHead({ kind, number, bytes }), bytes]) {
    for (let at = 0; at < chunk.length;) at += writeSync(1, chunk, at);
  }
}

/** Without the path, which the parent adds. */
const refuse = (what: string) => new MillinerError('RPMDB_INVALID', what);

const maxReasonLength = 1000;

try {
  const { source, rewrite } = JSON.parse(readFileSync(0, 'utf8')) as Question;
  withDatabase(source, refuse, (database) => {
    const rows = rewrite ? rewriteDatabase(database, rewrite, refuse) : rowsIn(database, refuse);
    for (const { instance, blob } of rows) send({ kind: 'row', number: instance, bytes: blob });
  });
  send({ kind: 'end' });
} catch (error) {
  if (!(error instanceof MillinerError)) throw error;
  const bytes = Buffer.from(error.message.slice(0, maxReasonLength));
  send({ kind: error.code === 'DISK_FULL' ? 'full' : 'refused', bytes });
}
