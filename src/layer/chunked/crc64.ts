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

  /** Eight bytes, the highest first. */
  digest(): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32BE(~this.#high >>> 0, 0);
    bytes.writeUInt32BE(~this.#low >>> 0, 4);
    return bytes;
  }
}
