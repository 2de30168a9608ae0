/**
 * Rewrites a package's signature header to what rpm 6 writes: the OpenPGP signature of the header only under
 * RPMSIGTAG_OPENPGP, as base64, and the header's SHA256. Older rpm does not see such a signature.
 */

const lead = 96;
const magic = Buffer.from('8eade80100000000', 'hex');
const tags = { region: 62, rsaHeader: 268, sha256Header: 273, openpgp: 278 };
const types = { string: 6, binary: 7, stringArray: 8 };

interface Entry {
  tag: number;
  type: number;
  count: number;
  data: Buffer;
}

/** Takes a package signed with an RSA key; gives the same package with the new signature header. */
export function signAsVersion6(rpm: Buffer): Buffer {
  const { entries, end } = readHeader(rpm, lead);
  const data = (tag: number) => {
    const found = entries.find((entry) => entry.tag === tag);
    if (!found) throw new Error(`the package has no signature tag ${tag}`);
    return found.data;
  };
  const signature = `${data(tags.rsaHeader).toString('base64')}\0`;
  const header = writeHeader([
    { tag: tags.sha256Header, type: types.string, count: 1, data: data(tags.sha256Header) },
    { tag: tags.openpgp, type: types.stringArray, count: 1, data: Buffer.from(signature) },
  ]);
  const padding = Buffer.alloc(-header.length & 7);
  return Buffer.concat([rpm.subarray(0, lead), header, padding, rpm.subarray(padded(end))]);
}

function readHeader(rpm: Buffer, start: number): { entries: Entry[]; end: number } {
  const count = rpm.readUInt32BE(start + 8);
  const store = start + 16 + count * 16;
  const end = store + rpm.readUInt32BE(start + 12);
  const index = Array.from({ length: count }, (_, number) => {
    const at = start + 16 + number * 16;
    const [tag, type] = [rpm.readUInt32BE(at), rpm.readUInt32BE(at + 4)];
    return { tag, type, offset: rpm.readUInt32BE(at + 8), count: rpm.readUInt32BE(at + 12) };
  });
  const entries = index.map(({ offset, ...entry }) => ({
    ...entry,
    data: rpm.subarray(store + offset, dataEnd(rpm, store + offset, entry.type, entry.count)),
  }));
  return { entries, end };
}

function dataEnd(rpm: Buffer, start: number, type: number, count: number): number {
  return type === types.string ? rpm.indexOf(0, start) + 1 : start + count;
}

/** An immutable region first, its 16-byte trailer last in the store, as rpm wants every header. */
function writeHeader(entries: readonly Entry[]): Buffer {
  const count = entries.length + 1;
  const data = Buffer.concat(entries.map((entry) => entry.data));
  const trailer = entryBytes(tags.region, types.binary, -count * 16, 16);
  let offset = 0;
  const index = entries.map((entry) => {
    const bytes = entryBytes(entry.tag, entry.type, offset, entry.count);
    offset += entry.data.length;
    return bytes;
  });
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32BE(count, 0);
  sizes.writeUInt32BE(data.length + trailer.length, 4);
  return Buffer.concat([
    magic,
    sizes,
    entryBytes(tags.region, types.binary, data.length, 16),
    ...index,
    data,
    trailer,
  ]);
}

function entryBytes(tag: number, type: number, offset: number, count: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(tag, 0);
  bytes.writeUInt32BE(type, 4);
  bytes.writeInt32BE(offset, 8);
  bytes.writeUInt32BE(count, 12);
  return bytes;
}

/** The signature header is padded to eight bytes; the lead's 96 keep the alignment. */
function padded(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}
