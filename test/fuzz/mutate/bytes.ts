/** Damage to bytes of any kind: what disks, networks and people do who know nothing of the format. */
import { extremes, faults, pick, type Random } from '../../helpers/random.ts';

/**
 * One to four faults: flipped bits, 32-bit fields set to extremes, cuts, spans repeated, removed, or put elsewhere.
 * @param from faults begin here, so that magic numbers need not hide the rest
 */
export function damage(original: Buffer, random: Random, from = 0): Buffer {
  return faults<Buffer>(random, 4, original, (bytes) => {
    const at = from + random(bytes.length - from);
    const kind = random(10);
    if (kind < 3) return flip(bytes, at, random);
    if (kind < 6) return putNumber(bytes, at, random);
    if (kind === 6) return bytes.subarray(0, at);
    const end = Math.min(bytes.length, at + random(64));
    const span = bytes.subarray(at, end);
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(end)];
    if (kind === 7) return Buffer.concat([before, after]);
    if (kind === 8) return Buffer.concat([before, span, span, after]);
    const target = from + random(bytes.length - from);
    return Buffer.concat([bytes.subarray(0, target), span, bytes.subarray(target)]);
  });
}

function flip(bytes: Buffer, at: number, random: Random): Buffer {
  if (at >= bytes.length) return bytes;
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1 << random(8);
  return copy;
}

function putNumber(bytes: Buffer, at: number, random: Random): Buffer {
  if (bytes.length < 4) return bytes;
  const copy = Buffer.from(bytes);
  const place = Math.min(at & ~3, bytes.length - 4);
  if (random(2) === 0) copy.writeUInt32BE(pick(random, extremes), place);
  else copy.writeUInt32LE(pick(random, extremes), place);
  return copy;
}
