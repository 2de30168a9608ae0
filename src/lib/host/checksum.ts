/** Checksums in repository metadata: the types that Milliner supports, and the comparison of a file with one. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { filePieces } from './files.ts';

const hexLengths = { sha512: 128, sha384: 96, sha256: 64, sha224: 56, sha1: 40, md5: 32 } as const;

export type ChecksumType = keyof typeof hexLengths;

export interface Checksum {
  type: ChecksumType;
  /** Lower-case hexadecimal. */
  value: string;
}

/**
 * Reads the type and value of a metadata file, where SHA-1 is also called `sha`, and others `sha-256`. Undefined for a
 * type that Milliner does not support.
 */
export function parseChecksum(type: string, value: string): Checksum | undefined {
  const word = type.toLowerCase().replace('-', '');
  const name = word === 'sha' ? 'sha1' : word;
  const hex = value.trim().toLowerCase();
  if (!Object.hasOwn(hexLengths, name)) return undefined;
  const known = name as ChecksumType;
  return hex.length === hexLengths[known] && /^[0-9a-f]+$/.test(hex)
    ? { type: known, value: hex }
    : undefined;
}

/** Whether the algorithm is broken or about to be: it detects accidents, but no attack. */
export function isWeak(checksum: Checksum): boolean {
  return checksum.type === 'md5' || checksum.type === 'sha1';
}

/** A rank, the strongest first, to choose among several checksums. */
export function strength(checksum: Checksum): number {
  return hexLengths[checksum.type];
}

export async function fileChecksum(path: string, type: ChecksumType): Promise<Checksum> {
  const hash = createHash(type);
  const handle = await open(path);
  try {
    for await (const piece of filePieces(handle)) hash.update(piece);
  } finally {
    await handle.close();
  }
  return { type, value: hash.digest('hex') };
}

export async function fileMatches(path: string, checksum: Checksum): Promise<boolean> {
  return (await fileChecksum(path, checksum.type)).value === checksum.value;
}
