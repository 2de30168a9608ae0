/**
 * The output format of the process that reads a database: frames of a kind, a number, and bytes with their length. An
 * attacker who takes that process over can write any frame, so the bytes are bounded. The last frame proves that none
 * is missing.
 */

/** `row`: the header of a package, by row; `end`; `refused`: the reason; `full`: the disk is full. */
export const frameKinds = ['row', 'end', 'refused', 'full'] as const;
export type FrameKind = (typeof frameKinds)[number];

export interface Frame {
  kind: FrameKind;
  number: number;
  bytes: Uint8Array;
}

const headSize = 13;

export function frameHead({ kind, number, bytes }: Frame): Buffer {
  const head = Buffer.alloc(headSize);
  head.writeUInt8(frameKinds.indexOf(kind));
  head.writeDoubleBE(number, 1);
  head.writeUInt32BE(bytes.length, 9);
  return head;
}

export class NoFrame extends Error {}

/** Throws NoFrame for invalid bytes, and for more than maxBytes in all frames. */
export async function* framesIn(source: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Frame> {
  let buffered: Buffer[] = [];
  let length = 0;
  let remaining = maxBytes;
  let head: (Omit<Frame, 'bytes'> & { size: number }) | undefined;
  for await (const piece of source) {
    buffered.push(piece);
    length += piece.length;
    while (length >= (head?.size ?? headSize)) {
      const all = buffered.length === 1 ? buffered[0]! : Buffer.concat(buffered);
      const bytes = all.subarray(0, head?.size ?? headSize);
      buffered = [all.subarray(bytes.length)];
      length -= bytes.length;
      if (head) yield { kind: head.kind, number: head.number, bytes };
      head = head ? undefined : readHead(bytes, remaining);
      remaining -= head?.size ?? 0;
    }
  }
  if (head || length > 0) throw new NoFrame('a frame is cut short');
}

function readHead(bytes: Buffer, maxBytes: number) {
  const kind = frameKinds[bytes.readUInt8()];
  const size = bytes.readUInt32BE(9);
  if (kind === undefined) throw new NoFrame('a frame has an unknown kind');
  if (size > maxBytes) throw new NoFrame('the frames have more bytes than the database');
  return { kind, number: bytes.readDoubleBE(1), size };
}
