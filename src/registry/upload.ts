/**
 * Blobs to a registry (OCI distribution specification, "Pushing blobs"): what is there stays, what a sibling
 * repository has is mounted, the rest is sent in pieces, and goes on where it broke if the registry remembers.
 */
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { MillinerError } from '../errors.ts';
import { AttemptError, type HttpResponse } from '../host/request.ts';
import { hasBlob } from './blobs.ts';
import type { Digest } from './descriptor.ts';
import type { Transport } from './transport.ts';

export interface BlobSource {
  digest: Digest;
  /** Bytes. */
  size: number;
  /** A file, or the bytes themselves. */
  content: { path: string } | { bytes: Uint8Array };
}

export interface PushOptions {
  /** Repository of the same registry that may have the blob. */
  mountFrom?: string | undefined;
  /** Called once before any of its bytes are read. */
  beforeSending?: (() => Promise<void>) | undefined;
  /** May be called very often; goes back where an upload begins anew. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

export type Pushed = 'present' | 'mounted' | 'uploaded';

interface Session {
  url: URL;
  /** Bytes that the registry has. */
  offset: number;
  /** Bytes to send at once. */
  piece: number;
}

/** Small enough to be sent again after a cut, and for the proxies in front of registries. */
const pieceBytes = 16 * 1024 * 1024;
const readBytes = 256 * 1024;
/** Milliseconds: a registry reads a whole upload once more before it answers. */
const commitPatience = 600_000;
/** How a registry says that it knows nothing of an upload, or not as much as we took it to know. */
const lost = [400, 404, 416];

export async function pushBlob(
  transport: Transport,
  repository: string,
  blob: BlobSource,
  { mountFrom, beforeSending, onProgress }: PushOptions = {},
): Promise<Pushed> {
  if (await isThere(transport, repository, blob)) return 'present';
  let session: Session | undefined;
  if (mountFrom !== undefined && mountFrom !== repository) {
    const answer = await mount(transport, repository, blob, mountFrom);
    if (answer === 'mounted') return 'mounted';
    session = answer;
  }
  await beforeSending?.();
  const upload = new Upload(transport, repository, blob, onProgress);
  await upload.run(session);
  return 'uploaded';
}

async function isThere(transport: Transport, repository: string, blob: BlobSource): Promise<boolean> {
  const size = await hasBlob(transport, repository, blob.digest);
  if (size !== undefined && size !== blob.size) {
    throw transport.invalid(
      `${transport.registry} has ${size} bytes as ${blob.digest}: there are ${blob.size}`,
    );
  }
  return size !== undefined;
}

/** A registry that will not mount begins an upload, or refuses, which may be about the other repository alone. */
async function mount(
  transport: Transport,
  repository: string,
  { digest }: BlobSource,
  from: string,
): Promise<'mounted' | Session | undefined> {
  const query = new URLSearchParams({ mount: digest, from });
  const url = `${uploads(repository)}?${query.toString()}`;
  const ask = {
    method: 'POST' as const,
    url,
    scope: `${pushScope(repository)} repository:${from}:pull`,
    expect: [201, 202, 400, 401, 403, 404, 405],
  };
  try {
    return await transport.ask(ask, async (response) => {
      await response.body.dump();
      if (response.statusCode === 201) return 'mounted';
      return response.statusCode === 202 ? begun(transport, response, url) : undefined;
    });
  } catch (error) {
    if (error instanceof MillinerError && error.code === 'REGISTRY_DENIED') return undefined;
    throw error;
  }
}

class Upload {
  readonly #transport: Transport;
  readonly #repository: string;
  readonly #blob: BlobSource;
  readonly #onProgress: (done: number, total: number) => void;
  #session: Session | undefined;
  #furthest = 0;
  #refused = false;

  constructor(
    transport: Transport,
    repository: string,
    blob: BlobSource,
    onProgress: PushOptions['onProgress'] = () => {},
  ) {
    this.#transport = transport;
    this.#repository = repository;
    this.#blob = blob;
    this.#onProgress = onProgress;
  }

  async run(session: Session | undefined): Promise<void> {
    this.#session = session;
    let again = false;
    const once = async () => {
      // The last answer may have been lost, not the upload.
      if (again && (await isThere(this.#transport, this.#repository, this.#blob))) return;
      if (again && this.#session) this.#session = await this.#recall(this.#session);
      again = true;
      this.#session ??= await this.#begin();
      await this.#send();
    };
    await this.#transport.persist(once, () => this.#furthest);
    this.#onProgress(this.#blob.size, this.#blob.size);
  }

  async #begin(): Promise<Session> {
    const url = uploads(this.#repository);
    return this.#exchange('POST', url, [202], (response) => begun(this.#transport, response, url));
  }

  /** How far the registry got; undefined where it no longer knows, and the upload must begin anew. */
  async #recall(session: Session): Promise<Session | undefined> {
    return this.#exchange('GET', session.url, [200, 204, ...lost, 405], (response) => {
      if (response.statusCode >= 400) return undefined;
      return this.#moved(session, response, Math.min(offsetOf(response), this.#blob.size));
    });
  }

  /** What fits into one piece goes with the request that ends the upload; more goes before it, piece by piece. */
  async #send(): Promise<void> {
    const { size } = this.#blob;
    let session = this.#session!;
    if (session.offset === 0 && size <= session.piece) return this.#commit(session, size);
    while (session.offset < size) {
      session = await this.#patch(session, Math.min(session.offset + session.piece, size));
      this.#session = session;
      this.#furthest = Math.max(this.#furthest, session.offset);
    }
    await this.#commit(session, session.offset);
  }

  async #patch(session: Session, end: number): Promise<Session> {
    const headers = { 'content-range': `${session.offset}-${end - 1}` };
    return this.#exchange(
      'PATCH',
      session.url,
      [202, ...lost],
      (response) => {
        if (response.statusCode !== 202) throw this.#forget(response);
        // It cannot have more than it was sent, and would otherwise be believed to get further for ever.
        const offset = response.headers.range === undefined ? end : Math.min(offsetOf(response), end);
        if (offset <= session.offset) throw this.#forget(response);
        return this.#moved(session, response, offset);
      },
      { from: session.offset, to: end, headers },
    );
  }

  async #commit(session: Session, end: number): Promise<void> {
    const url = new URL(session.url);
    // What the registry wrote there stays as it wrote it: it may be signed to the byte.
    url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(this.#blob.digest)}`;
    // An upload that two connections wrote to is spoiled, and made anew; a second refusal is meant.
    const expect = this.#refused ? [201, 404] : [201, ...lost];
    await this.#exchange(
      'PUT',
      url,
      expect,
      (response) => {
        if (response.statusCode === 201) return;
        this.#refused = true;
        throw this.#forget(response);
      },
      { from: session.offset, to: end },
    );
  }

  #forget(response: HttpResponse): AttemptError {
    this.#session = undefined;
    return new AttemptError(
      `it lost the upload of ${this.#blob.digest} (HTTP status ${response.statusCode})`,
    );
  }

  #moved(session: Session, response: HttpResponse, offset: number): Session {
    const { location } = response.headers;
    const url = location === undefined ? session.url : this.#transport.follow(location, session.url);
    return { ...session, url, offset };
  }

  async #exchange<T>(
    method: 'GET' | 'POST' | 'PATCH' | 'PUT',
    url: string | URL,
    expect: number[],
    read: (response: HttpResponse) => T,
    piece?: { from: number; to: number; headers?: Record<string, string> },
  ): Promise<T> {
    const length = piece ? piece.to - piece.from : 0;
    const ask = {
      method,
      url,
      expect,
      scope: pushScope(this.#repository),
      headers: {
        ...piece?.headers,
        ...(piece && { 'content-type': 'application/octet-stream' }),
        ...(method !== 'GET' && { 'content-length': String(length) }),
      },
      body: piece && length > 0 ? () => this.#read(piece.from, piece.to) : undefined,
      patience: method === 'PUT' ? commitPatience : undefined,
    };
    return this.#transport.attempt(ask, async (response) => {
      await response.body.dump();
      return read(response);
    });
  }

  #read(from: number, to: number): Uint8Array | Readable {
    const { content } = this.#blob;
    if ('bytes' in content) return content.bytes.subarray(from, to);
    return Readable.from(this.#readFile(content.path, from, to), { objectMode: false });
  }

  async *#readFile(path: string, from: number, to: number): AsyncGenerator<Buffer> {
    const unreadable = (cause: unknown): never => {
      throw new MillinerError('BLOB_MISSING', `${path} cannot be read`, { cause });
    };
    const handle = await open(path).catch(unreadable);
    try {
      for (let done = from; done < to;) {
        const buffer = Buffer.allocUnsafe(Math.min(readBytes, to - done));
        const { bytesRead } = await handle.read(buffer, 0, buffer.length, done).catch(unreadable);
        if (bytesRead === 0) unreadable(new Error('it is shorter than it was'));
        yield buffer.subarray(0, bytesRead);
        done += bytesRead;
        this.#onProgress(done, this.#blob.size);
      }
    } finally {
      await handle.close();
    }
  }
}

function begun(transport: Transport, response: HttpResponse, from: string): Session {
  const least = Number(response.headers['oci-chunk-min-length'] ?? 0);
  const url = transport.follow(response.headers.location, from);
  return { url, offset: 0, piece: Math.max(pieceBytes, Number.isSafeInteger(least) ? least : 0) };
}

/** `Range: 0-N` is the last byte's number; 0-0 says nothing or one byte, and no piece is that small. */
function offsetOf(response: HttpResponse): number {
  const end = Number(/^(?:bytes=)?0-(\d+)$/.exec(String(response.headers.range ?? ''))?.[1] ?? 0);
  return end === 0 ? 0 : end + 1;
}

function uploads(repository: string): string {
  return `/v2/${repository}/blobs/uploads/`;
}

function pushScope(repository: string): string {
  return `repository:${repository}:pull,push`;
}
