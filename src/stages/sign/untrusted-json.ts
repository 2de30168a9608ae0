/** Parses untrusted JSON: bounded, checked by a schema, with one kind of error. */
import { isAscii } from 'node:buffer';
import type { z } from 'zod';
import type { MillinerError } from '../../lib/errors/error.ts';

/** Makes the error for a given problem. */
export type Refuse = (what: string) => MillinerError;

/** Enough for an SBOM of a hundred thousand files. */
export const maxDocumentBytes = 64 * 1024 * 1024;
/** A document in base64 with its envelope; cosign's own limit (COSIGN_MAX_ATTACHMENT_SIZE). */
export const maxEnvelopeBytes = 2 * maxDocumentBytes;

/** Fields that the schema does not name are dropped, so that unchecked data is never written again. */
export function readJson<T>(
  bytes: Uint8Array,
  schema: z.ZodType<T>,
  refuse: Refuse,
  maxBytes = maxDocumentBytes,
): T {
  if (bytes.length > maxBytes) throw refuse(`is larger than ${maxBytes >> 20} MiB`);
  let data: unknown;
  try {
    data = JSON.parse(textOf(bytes));
  } catch {
    throw refuse('is not JSON');
  }
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw refuse(path.length > 0 ? `${path.join('.')}: ${message}` : message);
}

/** UTF-8. Throws for invalid bytes. Most documents are ASCII, which takes half the time and memory. */
function textOf(bytes: Uint8Array): string {
  if (!isAscii(bytes)) return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/** Undefined for anything but canonical base64: two texts must not encode the same bytes. */
export function readBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
