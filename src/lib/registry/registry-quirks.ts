/** The ways to upload a blob that a registry accepts: all of them, until it refuses one. */

/** Part of a transport: the name of its registry, and its messages to the user. */
interface Reporter {
  readonly registry: string;
  report(sentence: string): void;
}

/**
 * Bytes of a piece. The first size is small enough to be sent again after a broken connection. The others follow if it
 * is too large for the registry or for a proxy in front of it.
 */
const pieces = [16, 4, 1].map((mebibytes) => mebibytes * 1024 * 1024);

export class RegistryQuirks {
  /** One PATCH with the whole blob, without a range: docker and podman send this. */
  whole = true;
  /** PATCH at all. */
  patch = true;
  /** A PATCH of a piece with its range. */
  ranges = true;
  #piece = 0;

  /** Bytes of the next piece. */
  piece(minBytes: number): number {
    return Math.max(pieces[this.#piece]!, minBytes);
  }

  /** The registry refuses pieces: the rest of the upload is sent at once, without a range. */
  refuseRanges(transport: Reporter): void {
    if (this.ranges) transport.report(`${transport.registry} takes no pieces: the rest is sent as a whole`);
    this.ranges = false;
  }

  refusePatch(transport: Reporter): void {
    if (this.patch)
      transport.report(`${transport.registry} takes no PATCH: blobs are sent with one PUT each`);
    this.patch = false;
  }

  /** The registry refuses a body of this size; false if no smaller one can be sent. */
  refuseSize(
    transport: Reporter,
    { sent, ranged }: { sent: number; ranged: boolean },
    minBytes: number,
  ): boolean {
    const before = { whole: this.whole, piece: this.#piece };
    if (!ranged) this.whole = false;
    const smaller = pieces.findIndex((size) => size < sent);
    this.#piece = Math.max(this.#piece, smaller);
    if (!this.ranges || this.piece(minBytes) >= sent) return false;
    if (before.whole !== this.whole || before.piece !== this.#piece) {
      const size = this.piece(minBytes) / (1024 * 1024);
      transport.report(`${transport.registry} refuses so much at once: it gets pieces of ${size} MiB`);
    }
    return true;
  }
}
