/** Java key stores (JKS, as update-ca-trust writes them): every entry holds the time at which it was added. */
import { createHash } from 'node:crypto';

const magic = 0xfeedfeed;
const trustedCertificate = 2;
/** What tools use where a store holds no secret; the store's last 20 bytes are keyed with it. */
const password = Buffer.from('changeit', 'utf16le').swap16();
const salt = Buffer.from('Mighty Aphrodite', 'latin1');
const digestSize = 20;

/**
 * Gives a store of trusted certificates with all dates set to the epoch (seconds). Anything else comes back
 * as it is: another format, another password, a store that holds keys.
 */
export function withFixedDates(store: Buffer, epoch: number): Buffer {
  if (store.length < 12 + digestSize || store.readUInt32BE(0) !== magic) return store;
  const body = Buffer.from(store.subarray(0, -digestSize));
  if (!digestOf(body).equals(store.subarray(-digestSize))) return store;
  const dates = datePositions(body);
  if (!dates) return store;
  for (const position of dates) body.writeBigUInt64BE(BigInt(epoch) * 1000n, position);
  return Buffer.concat([body, digestOf(body)]);
}

function digestOf(body: Buffer): Buffer {
  return createHash('sha1').update(password).update(salt).update(body).digest();
}

/** Undefined where the store holds more than certificates. */
function datePositions(body: Buffer): number[] | undefined {
  const version = body.readUInt32BE(4);
  const count = body.readUInt32BE(8);
  const positions: number[] = [];
  let at = 12;
  const skip = (lengthBytes: 2 | 4) => {
    at += lengthBytes + (lengthBytes === 2 ? body.readUInt16BE(at) : body.readUInt32BE(at));
  };
  try {
    for (let index = 0; index < count; index++) {
      if (body.readUInt32BE(at) !== trustedCertificate) return undefined;
      at += 4;
      skip(2);
      positions.push(at);
      at += 8;
      if (version === 2) skip(2);
      skip(4);
    }
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  return at === body.length ? positions : undefined;
}
