/**
 * One upload of a blob, as docker and podman do it: a session, one streamed PATCH with all bytes, and a PUT with the
 * digest. Pieces are for registries that ask for them or refuse a body of that size, and to resume after a broken
 * connection.
 */
import { MillinerError } from '../errors/error.ts';
import { AttemptError, type HttpResponse } from '../http/request.ts';
import { readPart, type BlobSource } from './blob-source.ts';
import { BlobCheck } from './blob-check.ts';
import type { Transport } from './transport.ts';

/** Where the next bytes of an upload go. */
export interface Place {
  url: URL;
  /** Bytes that the registry has. */
  offset: number;
  /** Bytes that each piece must have at least; undefined if the registry does not ask for pieces. */
  minChunk: number | undefined;
}

export interface Uploading {
  transport: Transport;
  repository: string;
  blob: BlobSource;
  isThere: () => Promise<boolean>;
  /** Reads the whole blob, and throws if its bytes do not have its digest; absent for bytes that were hashed just now. */
  verify?: (() => Promise<unknown>) | undefined;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Blobs up to this size are sent with the request that ends the upload. */
const smallBlobBytes = 1024 * 1024;
/**
 * Milliseconds: before it answers, a proxy forwards what it has buffered, and a registry reads a whole upload once
 * more.
 */
const bodyTimeout = 600_000;
/** The statuses of the specification, and those that some registries send instead (Pulp, ECR). */
const acceptedStatuses = [200, 201, 202, 204];
/** Statuses by which a registry says that it does not know an upload, or has fewer bytes of it than we sent. */
const lostStatuses = [400, 404, 416];
const tooLarge = 413;
const outOfRange = 416;
/** Statuses by which a registry says that it does not support this way to upload. */
const unsupportedStatuses = [405, 501];

interface BlobRange {
  from: number;
  to: number;
  ranged: boolean;
}

export class UploadSession {
  readonly #upload: Uploading;
  #place: Place | undefined;
  /** The most bytes sent in one session: sending more is progress. */
  #furthest = 0;
  #refused = false;
  /** A connection broke. The cause may be a refusal of the size whose response was lost, as with nginx's 413. */
  #broke = false;
  /** How often PATCH went to an unknown upload: an upload may be lost, but not each time. */
  #unknown = 0;
  readonly #check: BlobCheck;

  constructor(upload: Uploading, place?: Place) {
    this.#upload = upload;
    this.#place = place;
    this.#check = new BlobCheck(upload.blob);
  }

  /** Throws the client's errors, and BLOB_MISSING. */
  async run(): Promise<void> {
    const { transport, blob, isThere, onProgress } = this.#upload;
    let again = false;
    const once = async () => {
      // Perhaps only the last response was lost, and the blob is complete.
      if (again && (await isThere())) return;
      if (again && this.#place) this.#place = await this.#recall(this.#place);
      again = true;
      try {
        await this.#send();
      } catch (error) {
        this.#broke ||= error instanceof AttemptError && error.cause !== undefined;
        // The file ends too early: the blob is damaged, which says more than that it cannot be read.
        if (error instanceof MillinerError && error.code === 'BLOB_MISSING') await this.#upload.verify?.();
        throw error;
      }
    };
    await transport.persist(`uploading ${blob.digest}`, once, () => this.#furthest);
    onProgress?.(blob.size, blob.size);
  }

  async #send(): Promise<void> {
    const { transport, blob } = this.#upload;
    const { quirks } = transport;
    for (;;) {
      const place = (this.#place ??= await this.#begin());
      const fits = place.offset === 0 && (blob.size <= smallBlobBytes || !quirks.patch);
      if (fits || place.offset === blob.size) return this.#commit(place);
      // Only PATCH can continue with the bytes that the registry has.
      this.#place = quirks.patch ? await this.#patch(place, this.#next(place)) : undefined;
    }
  }

  #next({ offset, minChunk }: Place): BlobRange {
    const { size } = this.#upload.blob;
    const { quirks } = this.#upload.transport;
    const whole = offset === 0 && quirks.whole && minChunk === undefined && !this.#broke;
    if (whole || !quirks.ranges) return { from: offset, to: size, ranged: false };
    return { from: offset, to: Math.min(offset + quirks.piece(minChunk ?? 0), size), ranged: true };
  }

  async #begin(): Promise<Place> {
    const url = uploads(this.#upload.repository);
    return this.#exchange('POST', url, acceptedStatuses, (response) =>
      placeOfUpload(this.#upload.transport, response, url),
    );
  }

  /** How many bytes the registry has; undefined if it no longer knows the upload, which must begin again. */
  async #recall(place: Place): Promise<Place | undefined> {
    return this.#exchange(
      'GET',
      place.url,
      [200, 204, ...lostStatuses, ...unsupportedStatuses],
      (response) => {
        if (response.statusCode >= 400) return undefined;
        const offset = Math.min(offsetOf(response), this.#upload.blob.size);
        this.#furthest = Math.max(this.#furthest, offset);
        // A range of 0-0 may mean no bytes or one.
        return offset === 0 ? undefined : this.#moved(place, response, offset);
      },
    );
  }

  /** Where the upload continues; undefined if it must begin again. */
  async #patch(place: Place, range: BlobRange): Promise<Place | undefined> {
    const { transport, blob } = this.#upload;
    const { quirks } = transport;
    const headers = range.ranged ? { 'content-range': `${range.from}-${range.to - 1}` } : undefined;
    const expect = [...acceptedStatuses, ...lostStatuses, tooLarge, ...unsupportedStatuses];
    // The bytes sent count, because some registries repeat an old range (ECR), and some send none.
    const read = (response: HttpResponse, words: string) => ({
      response,
      words,
      place: this.#moved(place, response, range.to),
    });
    const answer = await this.#exchange('PATCH', place.url, expect, read, { ...range, headers });
    const { statusCode } = answer.response;
    if (acceptedStatuses.includes(statusCode)) return answer.place;
    if (unsupportedStatuses.includes(statusCode) || (statusCode === 404 && this.#unknown++ > 0)) {
      if (range.ranged) quirks.refuseRanges(transport);
      if (range.ranged && quirks.whole) return this.#recall(place);
      quirks.refusePatch(transport);
      return undefined;
    }
    if (statusCode !== tooLarge && statusCode !== outOfRange) throw this.#forget(answer);
    const there = await this.#recall(place);
    if (statusCode === outOfRange && there?.offset !== range.from && range.from > 0) {
      this.#place = there;
      throw new AttemptError(`it has other bytes of ${blob.digest} than were sent`);
    }
    const sent = { sent: range.to - range.from, ranged: range.ranged };
    if (quirks.refuseSize(transport, sent, place.minChunk ?? 0)) return there;
    throw transport.invalid(`${transport.registry} refuses even a piece of ${sent.sent} bytes`, {
      status: statusCode,
    });
  }

  /** Ends the upload with the bytes that are still missing. */
  async #commit(place: Place): Promise<void> {
    const { blob, isThere, verify } = this.#upload;
    // Only what this request ends becomes a blob. Bytes that other requests have sent were hashed on the way.
    if (!this.#check.isWhole) await verify?.();
    const url = new URL(place.url);
    // The URL's other parameters stay byte for byte: the registry may have signed them.
    url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(blob.digest)}`;
    // Two connections that wrote to one upload have spoilt it, so it begins again. A second refusal is final.
    const expect = this.#refused ? [...acceptedStatuses, 404] : [...acceptedStatuses, ...lostStatuses];
    const range = { from: place.offset, to: blob.size };
    const read = (response: HttpResponse, words: string) => ({ response, words });
    const answer = await this.#exchange('PUT', url, expect, read, range);
    const { response } = answer;
    if (response.statusCode === 201) return;
    // Only status 201 proves that the blob exists.
    if (acceptedStatuses.includes(response.statusCode) && (await isThere())) return;
    this.#refused = true;
    throw this.#forget(answer);
  }

  #forget({ response, words }: { response: HttpResponse; words: string }): AttemptError {
    this.#place = undefined;
    const { digest } = this.#upload.blob;
    return new AttemptError(`it lost the upload of ${digest} (HTTP status ${response.statusCode}${words})`);
  }

  #moved(place: Place, response: HttpResponse, offset: number): Place {
    const { location } = response.headers;
    const url = location === undefined ? place.url : this.#upload.transport.follow(location, place.url);
    return { ...place, url, offset };
  }

  async #exchange<T>(
    method: 'GET' | 'POST' | 'PATCH' | 'PUT',
    url: string | URL,
    expect: number[],
    read: (response: HttpResponse, words: string) => T,
    range?: { from: number; to: number; headers?: Record<string, string> | undefined },
  ): Promise<T> {
    const { transport, repository, blob, onProgress } = this.#upload;
    const length = range ? range.to - range.from : 0;
    const onRead = (piece: Uint8Array, from: number) => {
      this.#check.take(piece, from);
      const offset = from + piece.length;
      this.#furthest = Math.max(this.#furthest, offset);
      onProgress?.(offset, blob.size);
    };
    const ask = {
      method,
      url,
      expect,
      repository,
      access: 'push' as const,
      headers: {
        ...range?.headers,
        ...(range && { 'content-type': 'application/octet-stream' }),
        ...(method !== 'GET' && { 'content-length': String(length) }),
      },
      body: range && length > 0 ? () => readPart(blob, range.from, range.to, onRead) : undefined,
      headersTimeout: method === 'PUT' || method === 'PATCH' ? bodyTimeout : undefined,
    };
    return transport.attempt(ask, async (response) => {
      const words = response.statusCode >= 400 ? await transport.wordsOf(response) : '';
      await response.body.dump();
      return read(response, words);
    });
  }
}

export function placeOfUpload(transport: Transport, response: HttpResponse, from: string): Place {
  const minChunk = Number(response.headers['oci-chunk-min-length'] ?? Number.NaN);
  const url = transport.follow(response.headers.location, from);
  return { url, offset: 0, minChunk: Number.isSafeInteger(minChunk) && minChunk > 0 ? minChunk : undefined };
}

/** The end of `Range: 0-N` is the last byte's number; 0-0 means no bytes or one. */
function offsetOf(response: HttpResponse): number {
  const end = Number(/^(?:bytes=)?0-(\d+)$/.exec(String(response.headers.range ?? ''))?.[1] ?? 0);
  return end === 0 ? 0 : end + 1;
}

export function uploads(repository: string): string {
  return `/v2/${repository}/blobs/uploads/`;
}
