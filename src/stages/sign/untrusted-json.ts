/** JSON that somebody else wrote: bounded, and of the shape that is expected, or refused in one way. */
import type { z } from 'zod';
import type { MillinerError } from '../../lib/errors/error.ts';

/** Makes the error for what is wrong with it. */
export type Refuse = (what: string) => MillinerError;

/** A bill of materials of a hundred thousand files. */
export const maxDocumentBytes = 64 * 1024 * 1024;
/** In base64, and with what is around it; as much as cosign takes (COSIGN_MAX_ATTACHMENT_SIZE). */
export const maxEnvelopeBytes = 2 * maxDocumentBytes;

/** What the schema does not name is dropped, so that nothing unlooked-at is ever written again. */
export function readJson<T>(
  bytes: Uint8Array,
  schema: z.ZodType<T>,
  refuse: Refuse,
  maxBytes = maxDocumentBytes,
): T {
  if (bytes.length > maxBytes) throw refuse(`is larger than ${maxBytes >> 20} MiB`);
  let data: unknown;
  try {
    data = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw refuse('is not JSON');
  }
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw refuse(path.length > 0 ? `${path.join('.')}: ${message}` : message);
}

/** Undefined for anything but canonical base64: two texts must not mean the same bytes. */
export function readBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
