/** Values of the flags of commands about tags: digests, reasons and dates. */
import { MillinerError } from '../lib/errors/error.ts';
import { isDigest, type Digest } from '../lib/oci/digest.ts';
import { maxNoteLength } from '../pipeline/publish/hold-tag.ts';

/** Throws USAGE. */
export function digestFlag(flag: string, text: string | undefined): Digest | undefined {
  if (text === undefined || isDigest(text)) return text;
  throw new MillinerError('USAGE', `${flag} ${text} is not a digest such as sha256:... of 64 digits`);
}

/** Throws USAGE. */
export function reasonFlag<T extends string | undefined>(text: T): T {
  if (text === undefined || (text.trim() !== '' && text.length <= maxNoteLength)) return text;
  throw new MillinerError('USAGE', `--reason must have 1 to ${maxNoteLength} characters`);
}

/** Seconds since 1970. A date alone is the beginning of that day in UTC. Throws USAGE. */
export function untilFlag(text: string | undefined, now = Date.now()): number | undefined {
  if (text === undefined) return undefined;
  const isTime = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d))?$/.test(text);
  const time = isTime ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new MillinerError('USAGE', `--until ${text} is not a time such as 2026-12-24 or 2026-12-24T18:00Z`);
  }
  if (time <= now) throw new MillinerError('USAGE', `--until ${text} is in the past`);
  return Math.floor(time / 1000);
}
