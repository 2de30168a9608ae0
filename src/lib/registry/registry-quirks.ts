/** What a registry takes of the many ways to upload a blob: all of them, until it refuses one. */

/** Of a transport: whom it speaks with, and who is told of it. */
interface Reporter {
  readonly registry: string;
  report(sentence: string): void;
}

/**
 * Bytes of a piece: the first is small enough to be sent again after a cut; the others follow where it is too large
 * for the registry or for a proxy before it.
 */
const pieces = [16, 4, 1].map((mebibytes) => mebibytes * 1024 * 1024);

export class RegistryQuirks {
  /** A PATCH with all of a blob, without a range: what docker and podman send. */
  whole = true;
  /** PATCH at all. */
  patch = true;
  /** PATCH of a piece, with its range. */
  ranges = true;
  #piece = 0;

  /** Bytes to send at once from there on. */
  piece(minBytes: number): number {
    return Math.max(pieces[this.#piece]!, minBytes);
  }

  /** No piece: the rest of the upload goes without its range, if it must. */
  refuseRanges(transport: Reporter): void {
    if (this.ranges) transport.report(`${transport.registry} takes no pieces: the rest is sent as a whole`);
    this.ranges = false;
  }

  refusePatch(transport: Reporter): void {
    if (this.patch)
      transport.report(`${transport.registry} takes no PATCH: blobs are sent with one PUT each`);
    this.patch = false;
  }

  /** A body as large as the one that was sent; false where nothing smaller can be. */
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
