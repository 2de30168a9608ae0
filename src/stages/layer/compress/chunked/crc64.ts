/** CRC-64 with ISO 3309's polynomial, as Go's hash/crc64 computes it for tar-split; in halves of 32 bits. */

const polynomial = 0xd8000000;
const low = new Uint32Array(256);
const high = new Uint32Array(256);
for (let value = 0; value < 256; value++) {
  let [h, l] = [0, value];
  for (let bit = 0; bit < 8; bit++) {
    const isOdd = (l & 1) !== 0;
    l = ((l >>> 1) | (h << 31)) >>> 0;
    h = (h >>> 1) >>> 0;
    if (isOdd) h = (h ^ polynomial) >>> 0;
  }
  [high[value], low[value]] = [h, l];
}

export class Crc64 {
  #high = 0xffffffff;
  #low = 0xffffffff;

  update(bytes: Buffer): void {
    let [h, l] = [this.#high, this.#low];
    for (const byte of bytes) {
      const index = (l ^ byte) & 0xff;
      l = (((l >>> 8) | (h << 24)) ^ low[index]!) >>> 0;
      h = ((h >>> 8) ^ high[index]!) >>> 0;
    }
    [this.#high, this.#low] = [h, l];
  }

  /** As update with that many zeros. Each changes the sum linearly, so the change is squared repeatedly. */
  updateZeros(count: number): void {
    let sum = (BigInt(this.#high) << 32n) | BigInt(this.#low);
    for (let power = 0, rest = count; rest > 0; power++, rest = Math.floor(rest / 2)) {
      if (rest % 2 === 1) sum = applied(zerosOf(power), sum);
    }
    this.#high = Number(sum >> 32n);
    this.#low = Number(sum & 0xffffffffn);
  }

  /** Eight bytes, big-endian. */
  digest(): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32BE(~this.#high >>> 0, 0);
    bytes.writeUInt32BE(~this.#low >>> 0, 4);
    return bytes;
  }
}

/** The effect on each of the sum's 64 bits, the lowest first. */
type Change = readonly bigint[];

function applied(change: Change, sum: bigint): bigint {
  let result = 0n;
  for (let bit = 0, rest = sum; rest > 0n; bit++, rest >>= 1n) if (rest & 1n) result ^= change[bit]!;
  return result;
}

const powers: Change[] = [];

/** The effect of 2 to the power zeros. */
function zerosOf(power: number): Change {
  const half = power === 0 ? undefined : zerosOf(power - 1);
  return (powers[power] ??= Array.from({ length: 64 }, (_, bit) => {
    if (half) return applied(half, half[bit]!);
    const one = 1n << BigInt(bit);
    const index = Number(one & 0xffn);
    return (one >> 8n) ^ (BigInt(high[index]!) << 32n) ^ BigInt(low[index]!);
  }));
}
