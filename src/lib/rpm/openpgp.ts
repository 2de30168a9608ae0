/**
 * Reads the claimed maker and time of an OpenPGP signature (RFC 4880, 4.2 and 5.2), to look for the key. It proves
 * nothing.
 */

export interface Issuer {
  /** 16 upper-case hex digits. */
  keyId?: string;
  /** Upper-case hex. */
  fingerprint?: string;
  /** Seconds since 1970, from the signed part. */
  created?: number;
  /** It contains two key IDs or two times, and programs differ in which of them they use. */
  isAmbiguous?: true;
}

const signaturePacket = 2;
const creationTime = 2;
const issuerKeyId = 16;
const issuerFingerprint = 33;

/** Reads the first packet of a signature tag; empty if it is no signature or does not name its maker. */
export function signatureIssuer(data: Buffer): Issuer {
  try {
    const body = packetBody(data);
    if (!body) return {};
    if (body.readUInt8(0) === 3) return { created: body.readUInt32BE(3), keyId: hex(body, 7, 8) };
    return body.readUInt8(0) === 4 ? issuerOfVersion4(body) : {};
  } catch (error) {
    // The signature ends too early; rpm will refuse it as well.
    if (error instanceof RangeError) return {};
    throw error;
  }
}

function packetBody(data: Buffer): Buffer | undefined {
  const head = data.readUInt8(0);
  if ((head & 0x80) === 0) return undefined;
  if (head & 0x40) {
    if ((head & 0x3f) !== signaturePacket) return undefined;
    const { length, start } = subpacketLength(data, 1);
    return data.subarray(start, start + length);
  }
  if (((head >> 2) & 0x0f) !== signaturePacket) return undefined;
  const width = [1, 2, 4][head & 3];
  return width === undefined
    ? data.subarray(1)
    : data.subarray(1 + width, 1 + width + data.readUIntBE(1, width));
}

/**
 * From the unhashed subpackets only the maker's ID is read: rpm 4.18 looks for the key by the first ID in either part.
 */
function issuerOfVersion4(body: Buffer): Issuer {
  const hashedLength = body.readUInt16BE(4);
  const unhashedLength = body.readUInt16BE(6 + hashedLength);
  const unhashedStart = 8 + hashedLength;
  const hashed = subpackets(body.subarray(6, 6 + hashedLength));
  const unhashed = subpackets(body.subarray(unhashedStart, unhashedStart + unhashedLength));
  const [keyId, ...ids] = new Set([...hashed.keyIds, ...unhashed.keyIds]);
  const [fingerprint, ...fingerprints] = new Set([...hashed.fingerprints, ...unhashed.fingerprints]);
  const [created, ...times] = new Set(hashed.times);
  const fits = keyId === undefined || fingerprint === undefined || idOf(fingerprint) === keyId;
  const isAmbiguous = !fits || ids.length + fingerprints.length + times.length > 0;
  return {
    ...(keyId !== undefined && { keyId }),
    ...(fingerprint !== undefined && { fingerprint }),
    ...(created !== undefined && { created }),
    ...(isAmbiguous && { isAmbiguous }),
  };
}

/** RFC 9580, 5.5.4: the last 64 bits of a version 4 fingerprint, the first of a longer one. */
function idOf(fingerprint: string): string {
  return fingerprint.length === 40 ? fingerprint.slice(-16) : fingerprint.slice(0, 16);
}

interface SignatureSubpackets {
  keyIds: string[];
  fingerprints: string[];
  times: number[];
}

function subpackets(area: Buffer): SignatureSubpackets {
  const found: SignatureSubpackets = { keyIds: [], fingerprints: [], times: [] };
  let position = 0;
  while (position < area.length) {
    const { length, start } = subpacketLength(area, position);
    if (length === 0) break;
    const type = area.readUInt8(start) & 0x7f;
    if (type === creationTime) found.times.push(area.readUInt32BE(start + 1));
    if (type === issuerKeyId) found.keyIds.push(hex(area, start + 1, 8));
    // The fingerprint follows one byte of key version.
    if (type === issuerFingerprint) found.fingerprints.push(hex(area, start + 2, length - 2));
    position = start + length;
  }
  return found;
}

/** The length of a subpacket; new-format packets use the same encoding, except for partial bodies. */
export function subpacketLength(data: Buffer, at: number): { length: number; start: number } {
  const first = data.readUInt8(at);
  if (first < 192) return { length: first, start: at + 1 };
  if (first < 255) return { length: ((first - 192) << 8) + data.readUInt8(at + 1) + 192, start: at + 2 };
  return { length: data.readUInt32BE(at + 1), start: at + 5 };
}

function hex(data: Buffer, at: number, length: number): string {
  if (length < 0 || at + length > data.length) throw new RangeError('past the end');
  return data.toString('hex', at, at + length).toUpperCase();
}
