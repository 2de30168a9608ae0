/** Java key stores (JKS, as update-ca-trust writes them; JCEKS): every entry has the time at which it was added. */
import { createHash } from 'node:crypto';

const magic = 0xfeedfeed;
const magicOfJceks = 0xcececece;
const trustedCertificate = 2;
/** Types of entries: a private key, and in JCEKS a secret key. */
const keyEntries = [1, 3];
/** The usual password of stores without secrets; the last 20 bytes of a store are a digest with it. */
const password = Buffer.from('changeit', 'utf16le').swap16();
const salt = Buffer.from('Mighty Aphrodite', 'latin1');
const digestSize = 20;

/**
 * Sets all dates in a store of trusted certificates to the epoch (seconds). Anything else is returned unchanged:
 * another format, another password, a store with keys.
 */
export function withFixedDates(store: Buffer, epoch: number): Buffer {
  if (store.length < 12 + digestSize || store.readUInt32BE(0) !== magic) return store;
  const body = Buffer.from(store.subarray(0, -digestSize));
  if (!digestOf(body).equals(store.subarray(-digestSize))) return store;
  const entries = readEntries(body);
  if (!entries || entries.hasKey) return store;
  for (const position of entries.dates) body.writeBigUInt64BE(BigInt(epoch) * 1000n, position);
  return Buffer.concat([body, digestOf(body)]);
}

function digestOf(body: Buffer): Buffer {
  return createHash('sha1').update(password).update(salt).update(body).digest();
}

/** Whether a store of either kind contains a key, at any position. */
export function hasJavaKey(store: Buffer): boolean {
  if (store.length < 16 || ![magic, magicOfJceks].includes(store.readUInt32BE(0))) return false;
  return readEntries(store.subarray(0, -digestSize))?.hasKey ?? false;
}

/** Reads up to the first key, with the offsets of the dates; undefined for an incomplete store. */
function readEntries(body: Buffer): { hasKey: boolean; dates: number[] } | undefined {
  const dates: number[] = [];
  let at = 12;
  const skip = (lengthBytes: 2 | 4) => {
    at += lengthBytes + (lengthBytes === 2 ? body.readUInt16BE(at) : body.readUInt32BE(at));
  };
  try {
    const version = body.readUInt32BE(4);
    const count = body.readUInt32BE(8);
    for (let index = 0; index < count; index++) {
      const tag = body.readUInt32BE(at);
      if (keyEntries.includes(tag)) return { hasKey: true, dates };
      if (tag !== trustedCertificate) return undefined;
      at += 4;
      skip(2);
      dates.push(at);
      at += 8;
      if (version === 2) skip(2);
      skip(4);
    }
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  return at === body.length ? { hasKey: false, dates } : undefined;
}
