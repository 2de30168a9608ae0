/** The log of dm-log-writes (drivers/md/dm-log-writes.c, log-writes.rst): every write, flush and mark, in order. */
import { open, type FileHandle } from 'node:fs/promises';

const magic = 0x6a736677736872n;
const flag = { flush: 1n, fua: 2n, discard: 4n, mark: 8n };
const sector = 512;

export interface Entry {
  sector: number;
  sectors: number;
  flush: boolean;
  fua: boolean;
  discard: boolean;
  mark: string | undefined;
  /** Where its data lies in the log, bytes. */
  at: number;
}

export async function readLog(path: string): Promise<Entry[]> {
  const log = await open(path, 'r');
  try {
    const head = await block(log, 0, sector);
    if (head.readBigUInt64LE(0) !== magic) throw new Error(`${path} is no log of dm-log-writes`);
    const count = Number(head.readBigUInt64LE(16));
    const size = head.readUInt32LE(24);
    const entries: Entry[] = [];
    let at = size;
    for (let index = 0; index < count; index++) {
      const raw = await block(log, at, size);
      const flags = raw.readBigUInt64LE(16);
      const isMark = (flags & flag.mark) !== 0n;
      const entry: Entry = {
        sector: Number(raw.readBigUInt64LE(0)) * (size / sector),
        sectors: Number(raw.readBigUInt64LE(8)) * (size / sector),
        flush: (flags & flag.flush) !== 0n,
        fua: (flags & flag.fua) !== 0n,
        discard: (flags & flag.discard) !== 0n,
        mark: isMark
          ? raw
              .subarray(32, 32 + Number(raw.readBigUInt64LE(24)))
              .toString('utf8')
              .replace(/\0.*$/s, '')
          : undefined,
        at: at + size,
      };
      entries.push(entry);
      at += size + (entry.discard || isMark ? 0 : entry.sectors * sector);
    }
    return entries;
  } finally {
    await log.close();
  }
}

/** Does to a disk what an entry did. */
export async function replay(log: FileHandle, entry: Entry, disk: FileHandle): Promise<void> {
  if (entry.mark !== undefined || entry.sectors === 0) return;
  const length = entry.sectors * sector;
  // What was discarded reads as zeros on the devices that the log was made on.
  const data = entry.discard ? undefined : await block(log, entry.at, length);
  for (let done = 0; done < length; done += 1 << 20) {
    const part = Math.min(1 << 20, length - done);
    const bytes = data ? data.subarray(done, done + part) : Buffer.alloc(part);
    await disk.write(bytes, 0, part, entry.sector * sector + done);
  }
}

async function block(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, at);
  if (bytesRead !== length) throw new Error('the log is cut off');
  return buffer;
}
