/**
 * Texts of a report. Most come from packages and repositories: each has a bound, and a text for people that is longer is
 * cut, because one endless changelog must not cost the whole report.
 */
import { z } from 'zod';
import { isDigest, type Digest } from '../../lib/oci/digest.ts';

const maxNameLength = 1000;
const maxTextLength = 4000;
/** Characters that are refused, not cut: no writer of reports has read such a text. */
const maxReadLength = 16 * 1024 * 1024;

/** A name or version: a cut one would name something else, so a longer one is refused. */
export const nameText = z.string().max(maxNameLength);

/** Text for people. */
export const cutText = z.string().max(maxReadLength).transform(cut);

/** ISO 8601 in UTC. */
export const timeText = z.iso.datetime();

export const digestText = z.custom<Digest>(isDigest, 'is not a sha256 digest');

function cut(text: string): string {
  return text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength).toWellFormed()}…`;
}
