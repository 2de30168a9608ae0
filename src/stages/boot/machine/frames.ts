/**
 * Frames between the host and the agent in a virtual machine (native/agent/frames.h is the other end). What comes from
 * there is hostile: each frame has a bound and a known form, and the first that has not ends the connection.
 */

/** Of the length, the type and the channel. */
const headerBytes = 9;
export const maxPayload = 65_536;
/** Bytes of a channel that may be on their way in each direction before the receiver has used them. */
export const windowBytes = 262_144;

export interface Frame {
  /** One character. */
  type: string;
  channel: number;
  payload: Buffer;
}

/** The guest has sent what no agent sends. */
export class FrameError extends Error {}

export function encodeFrame({ type, channel, payload }: Frame): Buffer {
  if (payload.length > maxPayload) throw new RangeError(`a frame of ${payload.length} bytes`);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(payload.length, 0);
  header.write(type, 4, 'latin1');
  header.writeUInt32LE(channel, 5);
  return Buffer.concat([header, payload]);
}

/** What each type must look like; others are errors. */
const lengths: Record<string, (bytes: number) => boolean> = {
  /** hello: its clock, and the release of its kernel. */
  H: (bytes) => bytes >= 8 && bytes <= 8 + 64,
  /** the machine itself failed; why. */
  M: (bytes) => bytes <= 8192,
  /** a program cannot be started; why. */
  F: (bytes) => bytes <= 8192,
  /** a program has started; its clock. */
  G: (bytes) => bytes === 8,
  /** output, errors, and the end of one of the two. */
  O: (bytes) => bytes > 0,
  R: (bytes) => bytes > 0,
  E: (bytes) => bytes <= 1,
  /** a program has ended; its code. */
  X: (bytes) => bytes === 4,
  /** bytes that were used. */
  C: (bytes) => bytes === 4,
  /** a connection; its errno, or 0. */
  T: (bytes) => bytes === 4,
  /** a message of sd_notify(3). */
  N: (bytes) => bytes <= 4096,
  /** counters. */
  P: (bytes) => bytes === 80,
};

/** Splits a stream of bytes into frames; holds at most one that is not complete. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);
  readonly #isSound: (type: string, bytes: number) => boolean;

  constructor(isSound = (type: string, bytes: number) => lengths[type]?.(bytes) ?? false) {
    this.#isSound = isSound;
  }

  /** Throws FrameError. */
  push(chunk: Buffer): Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    let at = 0;
    while (bytes.length - at >= headerBytes) {
      const length = bytes.readUInt32LE(at);
      const type = bytes.toString('latin1', at + 4, at + 5);
      if (length > maxPayload || !this.#isSound(type, length)) {
        throw new FrameError(`a frame of type ${JSON.stringify(type)} with ${length} bytes`);
      }
      if (bytes.length - at < headerBytes + length) break;
      const payload = bytes.subarray(at + headerBytes, at + headerBytes + length);
      frames.push({ type, channel: bytes.readUInt32LE(at + 5), payload });
      at += headerBytes + length;
    }
    this.#rest = bytes.subarray(at);
    return frames;
  }
}

export function packed(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** As the agent reads settings: key and value, each ended by NUL. */
export function pairs(values: readonly (readonly [string, string | number])[]): Buffer {
  return Buffer.from(values.map(([key, value]) => `${key}\0${value}\0`).join(''));
}
