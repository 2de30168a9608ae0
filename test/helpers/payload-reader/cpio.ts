/** cpio archives as rpm writes them: newc (070701, 070702) and rpm's stripped form (07070X) for large files. */
import type { ByteString } from '../../../src/lib/host/paths.ts';
import type { Refuse } from '../../../src/lib/rpm/header.ts';

export interface CpioEntry {
  /** With the archive's own prefix (`./`); undefined for stripped entries. */
  name?: ByteString;
  /** Index in the header's file list of a stripped entry, which has no attributes of its own. */
  index?: number;
  /** Permissions and type as in st_mode; undefined for stripped entries. */
  mode?: number;
  size: number;
  /** The bytes, in pieces; read them before the next entry, or not at all. */
  content: AsyncIterable<Buffer>;
}

const newcHeader = 110;
const strippedHeader = 14;
/** PATH_MAX, the prefix and the terminator. */
const maxNameLength = 4096 + 3;
const trailer = 'TRAILER!!!';
/** rpm pads archives to 512 bytes, cpio to 5120; longer padding is suspicious. */
const maxPadding = 64 * 1024;

/**
 * Entries in the archive's order, up to the trailer; bytes behind it are read and dropped.
 * @param sizeOf bytes of the stripped entry with this index, which only the header records
 */
export async function* readCpio(
  source: AsyncIterable<Buffer>,
  sizeOf: (index: number) => number,
  refuse: Refuse,
): AsyncGenerator<CpioEntry> {
  const reader = new ByteReader(source, refuse);
  try {
    for (;;) {
      const entry = await readEntryHeader(reader, sizeOf, refuse);
      if (entry.name === trailer) break;
      const end = reader.position + entry.size;
      yield { ...entry, content: reader.pieces(end) };
      await reader.skipTo(end);
      await reader.align();
    }
    await reader.drain(maxPadding);
  } finally {
    await reader.close();
  }
}

async function readEntryHeader(
  reader: ByteReader,
  sizeOf: (index: number) => number,
  refuse: Refuse,
): Promise<Omit<CpioEntry, 'content'>> {
  const magic = (await reader.take(6)).toString('latin1');
  if (magic === '07070X') {
    const index = hexField(await reader.take(strippedHeader - 6), 0, refuse);
    await reader.align();
    return { index, size: sizeOf(index) };
  }
  if (magic !== '070701' && magic !== '070702') throw refuse('has a payload that is not a cpio archive');
  const fields = await reader.take(newcHeader - 6);
  const [mode, size, nameSize] = [1, 6, 11].map((i) => hexField(fields, i * 8, refuse)) as [
    number,
    number,
    number,
  ];
  if (nameSize < 2 || nameSize > maxNameLength)
    throw refuse(`has a payload entry with a name of ${nameSize} bytes`);
  const name = (await reader.take(nameSize)).toString('latin1');
  if (name.indexOf('\0') !== nameSize - 1) throw refuse('has a payload entry with a malformed name');
  await reader.align();
  return { name: name.slice(0, -1) as ByteString, mode, size };
}

function hexField(fields: Buffer, at: number, refuse: Refuse): number {
  const text = fields.toString('latin1', at, at + 8);
  if (!/^[0-9a-fA-F]{8}$/.test(text)) throw refuse('has a payload entry with a malformed number');
  return Number.parseInt(text, 16);
}

/** Reads a stream in the requested amounts, and buffers no more than that and one piece. */
class ByteReader {
  /** Bytes read so far; entries are aligned to the archive's beginning. */
  position = 0;
  private readonly source: AsyncIterator<Buffer>;
  private readonly refuse: Refuse;
  private current: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>, refuse: Refuse) {
    this.source = source[Symbol.asyncIterator]();
    this.refuse = refuse;
  }

  /** Exactly that many bytes; for the small, bounded parts of the archive. */
  async take(length: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.pieces(this.position + length)) pieces.push(piece);
    return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
  }

  /** The bytes up to a position, in pieces of any size. */
  async *pieces(end: number): AsyncGenerator<Buffer> {
    while (this.position < end) {
      const piece = await this.next(end - this.position);
      if (!piece) throw this.refuse('has a truncated payload');
      yield piece;
    }
  }

  async skipTo(end: number): Promise<void> {
    const rest = this.pieces(end);
    while (!(await rest.next()).done);
  }

  /** Headers and contents are padded to 4 bytes. */
  async align(): Promise<void> {
    await this.skipTo(this.position + ((4 - (this.position % 4)) % 4));
  }

  /** Reads to the end of the stream, so that its checks at the end are made. */
  async drain(limit: number): Promise<void> {
    const start = this.position;
    while (await this.next(Number.MAX_SAFE_INTEGER)) {
      if (this.position - start > limit) throw this.refuse('has data after the end of its payload');
    }
  }

  async close(): Promise<void> {
    await this.source.return?.();
  }

  private async next(max: number): Promise<Buffer | undefined> {
    while (this.current.length === 0) {
      const { done, value } = await this.source.next();
      if (done) return undefined;
      this.current = value;
    }
    const piece = this.current.subarray(0, Math.min(max, this.current.length));
    this.current = this.current.subarray(piece.length);
    this.position += piece.length;
    return piece;
  }
}
