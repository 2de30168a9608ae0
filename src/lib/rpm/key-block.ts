/** Checks that a file is a complete OpenPGP key file, armoured or binary (RFC 9580, 4.2 and 6.2). */
import { subpacketLength } from './openpgp.ts';

export interface KeyBlock {
  secrecy: 'public' | 'private';
  isWhole: boolean;
}

const maxFileBytes = 16 * 1024 * 1024;
const secretKey = 5;
const publicKey = 6;
const begin = /^-----BEGIN PGP (PUBLIC|PRIVATE) KEY BLOCK-----\r?$/m;
const blocks =
  /^-----BEGIN PGP (PUBLIC|PRIVATE) KEY BLOCK-----\r?\n([\s\S]*?)^-----END PGP \1 KEY BLOCK-----\r?$/gm;

/** Undefined for any other file. gpg would also import the first keys of a file that was cut off. */
export function keyBlockOf(bytes: Buffer): KeyBlock | undefined {
  if (bytes.length > maxFileBytes) return undefined;
  const text = bytes.toString('latin1');
  const armoured = begin.exec(text);
  if (!armoured) {
    const tag = tagOf(bytes);
    const isKey = tag === publicKey || tag === secretKey;
    return isKey
      ? { secrecy: tag === publicKey ? 'public' : 'private', isWhole: endsAtPacket(bytes) }
      : undefined;
  }
  const found = [...text.matchAll(blocks)];
  const begun = text.match(new RegExp(begin, 'gm'))!.length;
  const isPrivate = /^-----BEGIN PGP PRIVATE/m.test(text);
  const isWhole = found.length === begun && found.every(([, , body]) => holdsPackets(body!));
  return { secrecy: isPrivate ? 'private' : 'public', isWhole };
}

/** After the headers and an empty line: base64, and perhaps a checksum. */
function holdsPackets(body: string): boolean {
  const lines = body.split(/\r?\n/);
  const base64 = lines.slice(lines.findIndex((line) => line.trim() === '') + 1);
  const bytes = Buffer.from(base64.filter((line) => !line.startsWith('=')).join(''), 'base64');
  const checksum = base64.find((line) => /^=[A-Za-z0-9+/]{4}$/.test(line.trim()));
  const fits =
    checksum === undefined || Buffer.from(checksum.slice(1), 'base64').readUIntBE(0, 3) === crc24(bytes);
  return fits && endsAtPacket(bytes);
}

function endsAtPacket(bytes: Buffer): boolean {
  let at = 0;
  try {
    while (at < bytes.length) at = endOfPacket(bytes, at);
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
  return bytes.length > 0 && at === bytes.length;
}

function endOfPacket(bytes: Buffer, at: number): number {
  const head = bytes.readUInt8(at);
  if ((head & 0x80) === 0) throw new RangeError('no packet');
  if (head & 0x40) {
    const first = bytes.readUInt8(at + 1);
    if (first >= 224 && first < 255) throw new RangeError('a key is in one piece');
    const { length, start } = subpacketLength(bytes, at + 1);
    return start + length;
  }
  const width = [1, 2, 4][head & 3];
  if (width === undefined) throw new RangeError('a key says how long it is');
  return at + 1 + width + bytes.readUIntBE(at + 1, width);
}

function tagOf(bytes: Buffer): number | undefined {
  const head = bytes[0] ?? 0;
  if ((head & 0x80) === 0) return undefined;
  return head & 0x40 ? head & 0x3f : (head >> 2) & 0x0f;
}

/** RFC 9580, 6.1. */
function crc24(bytes: Buffer): number {
  let crc = 0xb704ce;
  for (const byte of bytes) {
    crc ^= byte << 16;
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1;
      if (crc & 0x1000000) crc ^= 0x1864cfb;
    }
  }
  return crc & 0xffffff;
}
