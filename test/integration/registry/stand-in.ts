/**
 * A small registry (OCI distribution specification 1.1) that can behave as hosted ones do, which cannot run here. Each
 * behaviour names the public report that it follows; the matrix of docs/registries.md is made with them.
 */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { manifestType } from '../../../src/lib/oci/descriptor.ts';
import { StandInAuth, type AuthBehaviour } from './stand-in-auth.ts';

export interface Behaviour extends AuthBehaviour {
  /** Status of a PATCH that was taken. */
  patchStatus?: number;
  /** Status of every PATCH, which it does not take. */
  noPatch?: number;
  /** Status of a PATCH with a range, which it does not take. */
  noRanges?: number;
  /** Bytes of a PATCH with a range at most; more is 416. */
  largestPiece?: number;
  /** Bytes of any body at most, as a proxy allows them; more is 413. */
  largestBody?: number;
  /** OCI-Chunk-Min-Length of the upload. */
  leastPiece?: number;
  /** The range of an answer stays where the first PATCH ended. */
  rangeStands?: boolean;
  /** HEAD of a blob tells no size. */
  noLength?: boolean;
  /** Status of a manifest that is not there, under a tag that clients make of digests. */
  missingTag?: number;
  /** Status of reading a tag that is there, as long as it is set: a rule of a firewall. */
  refusedTag?: number | undefined;
  /** The fallback tag of an image gives the image. */
  aliasTag?: boolean;
  /** Status of a tag that is written a second time. */
  immutable?: number;
  /** What the Referrers API is: none at all, or a web page in its place. */
  referrers?: 'none' | 'page';
  /** Status of every DELETE, which it does not do. */
  noDelete?: number;
  /** Status of a DELETE of a manifest that has tags. */
  noTaggedDelete?: number;
  /** A tag gives its manifest after that was deleted by its digest. */
  tagsOutlive?: boolean;
  /** An upload that was cut is not known any more. */
  forgets?: boolean;
  /** Status of a mount. */
  noMount?: number;
  /** Every so many requests one is refused for a second: 429, with a date. */
  rateLimit?: number;
}

interface Upload {
  chunks: Buffer[];
  size: number;
  first?: number;
}

interface Repository {
  blobs: Map<string, Buffer>;
  manifests: Map<string, { type: string; bytes: Buffer }>;
  tags: Map<string, string>;
  /** Deleted by digest, and still there for tags. */
  unlinked: Set<string>;
}

const path = /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests|referrers)\/([^/]*)$/;
const indexType = 'application/vnd.oci.image.index.v1+json';
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export class StandIn {
  readonly host: string;
  readonly behaviour: Behaviour;
  readonly repositories = new Map<string, Repository>();
  readonly #uploads = new Map<string, Upload>();
  readonly #auth: StandInAuth;
  #asked = 0;
  readonly #server: Server;

  private constructor(server: Server, behaviour: Behaviour) {
    this.#server = server;
    this.behaviour = behaviour;
    this.#auth = new StandInAuth(behaviour);
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(behaviour: Behaviour = {}): Promise<StandIn> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const registry = new StandIn(server, behaviour);
    server.on('request', (request, response) => {
      registry.#serve(request, response).catch(() => response.destroy());
    });
    return registry;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #repository(name: string): Repository {
    const found = this.repositories.get(name) ?? {
      blobs: new Map(),
      manifests: new Map(),
      tags: new Map(),
      unlinked: new Set(),
    };
    this.repositories.set(name, found);
    return found;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const target = new URL(url, 'http://localhost');
    const { pathname, searchParams } = target;
    if (pathname.startsWith('/token')) return this.#auth.token(target, request, response);
    if (pathname === '/v2/') return this.#greet(response);
    const listed = /^\/v2\/(.+)\/tags\/list$/.exec(pathname)?.[1];
    if (listed !== undefined) return this.#list(response, this.#repository(listed));
    const [, name = '', kind, reference = ''] = path.exec(pathname) ?? [];
    const { rateLimit } = this.behaviour;
    if (rateLimit !== undefined && ++this.#asked % rateLimit === 0) {
      const date = new Date(Date.now() + 1000).toUTCString();
      // Before it has read what is sent: that is how limits spare a server.
      return void response.writeHead(429, { 'retry-after': date, connection: 'close' }).end();
    }
    const reads = ['GET', 'HEAD'].includes(method) && kind !== 'blobs/uploads';
    const action = reads ? 'pull' : method === 'DELETE' ? 'delete' : 'push';
    const challenge = this.#auth.challenge(this.host, request, name, action);
    if (challenge !== undefined)
      return refuse(request, response, 401, 'UNAUTHORIZED', { 'www-authenticate': challenge });
    const repository = this.#repository(name);
    if (kind === 'blobs/uploads')
      return this.#upload(request, response, repository, { pathname, id: reference, searchParams });
    if (kind === 'blobs') return this.#blob(method, response, repository, reference);
    if (kind === 'manifests' && method === 'DELETE')
      return this.#delete(request, response, repository, reference);
    if (kind === 'manifests') return this.#manifest(request, response, repository, reference);
    if (kind === 'referrers') return this.#referrers(response, repository, reference);
    await refuse(request, response, 404, 'NOT_FOUND');
  }

  async #upload(
    request: IncomingMessage,
    response: ServerResponse,
    repository: Repository,
    { pathname, id, searchParams }: { pathname: string; id: string; searchParams: URLSearchParams },
  ): Promise<void> {
    const { method, headers } = request;
    const { behaviour } = this;
    if (method === 'POST') {
      const { noMount } = behaviour;
      if (searchParams.has('mount') && noMount !== undefined)
        return refuse(request, response, noMount, 'DENIED');
      if (this.#mounted(repository, searchParams)) return void response.writeHead(201).end();
      const name = randomUUID();
      this.#uploads.set(name, { chunks: [], size: 0 });
      const { leastPiece } = behaviour;
      response.writeHead(202, {
        location: `${pathname}${name}`,
        ...(leastPiece !== undefined && { 'oci-chunk-min-length': String(leastPiece) }),
      });
      return void response.end();
    }
    const upload = this.#uploads.get(id);
    if (!upload) return refuse(request, response, 404, 'BLOB_UPLOAD_UNKNOWN');
    const answer = (status: number, size: number) =>
      void response.writeHead(status, { location: pathname, range: `0-${Math.max(size - 1, 0)}` }).end();
    if (method === 'GET') return answer(204, upload.size);
    const length = Number(headers['content-length'] ?? Number.NaN);
    const range = headers['content-range'];
    const status = this.#refusal(method, length, range, upload);
    if (status !== undefined) return refuse(request, response, status, 'UNSUPPORTED');
    // What arrives before a cut stays.
    const { size } = upload;
    request.on('close', () => {
      if (behaviour.forgets && upload.size !== size + length) this.#uploads.delete(id);
    });
    for await (const chunk of request as AsyncIterable<Buffer>) {
      upload.chunks.push(chunk);
      upload.size += chunk.length;
    }
    if (method === 'PATCH') {
      upload.first ??= upload.size;
      return answer(behaviour.patchStatus ?? 202, behaviour.rangeStands ? upload.first : upload.size);
    }
    this.#uploads.delete(id);
    const bytes = Buffer.concat(upload.chunks);
    if (searchParams.get('digest') !== digestOf(bytes))
      return refuse(request, response, 400, 'DIGEST_INVALID');
    repository.blobs.set(digestOf(bytes), bytes);
    response.writeHead(201, { 'docker-content-digest': digestOf(bytes) }).end();
  }

  #mounted({ blobs }: Repository, searchParams: URLSearchParams): boolean {
    const digest = searchParams.get('mount') ?? '';
    const bytes = this.repositories.get(searchParams.get('from') ?? '')?.blobs.get(digest);
    if (bytes) blobs.set(digest, bytes);
    return bytes !== undefined;
  }

  /** What no tag leads to goes, as retention rules have it; referrers of a tagged image too, which have no tag. */
  removeUntagged(): void {
    for (const { manifests, tags } of this.repositories.values()) {
      const kept = new Set(tags.values());
      for (const digest of manifests.keys()) if (!kept.has(digest)) manifests.delete(digest);
    }
  }

  #greet(response: ServerResponse): void {
    const challenge = this.#auth.greeting(this.host);
    if (challenge === undefined) response.writeHead(200).end('{}');
    else response.writeHead(401, { 'www-authenticate': challenge }).end('{}');
  }

  /** Undefined where it takes what is about to come. */
  #refusal(method: string | undefined, length: number, range: string | undefined, upload: Upload) {
    const { largestBody, largestPiece, leastPiece, noPatch, noRanges } = this.behaviour;
    if (length > (largestBody ?? Infinity)) return 413;
    if (method !== 'PATCH') return undefined;
    if (noPatch !== undefined) return noPatch;
    if (range === undefined) return undefined;
    if (noRanges !== undefined) return noRanges;
    const [from = 0, to = 0] = range.split('-').map(Number);
    if (from !== upload.size || to - from + 1 !== length || length > (largestPiece ?? Infinity)) return 416;
    // Only the last may be smaller, which shows when another comes.
    if (leastPiece !== undefined && upload.first !== undefined && upload.first < leastPiece) return 416;
    return undefined;
  }

  #blob(method: string, response: ServerResponse, { blobs }: Repository, digest: string): void {
    const bytes = blobs.get(digest);
    if (!bytes) return void response.writeHead(404).end();
    const sized = method === 'GET' || !this.behaviour.noLength;
    response.writeHead(200, { ...(sized && { 'content-length': bytes.length }), connection: 'close' });
    response.end(method === 'HEAD' ? undefined : bytes);
  }

  #list(response: ServerResponse, { tags }: Repository): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ tags: [...tags.keys()] }));
  }

  async #delete(
    request: IncomingMessage,
    response: ServerResponse,
    { tags, manifests, unlinked }: Repository,
    reference: string,
  ): Promise<void> {
    const { noDelete, noTaggedDelete, tagsOutlive } = this.behaviour;
    if (noDelete !== undefined) return refuse(request, response, noDelete, 'UNSUPPORTED');
    if (!reference.startsWith('sha256:')) {
      return void response.writeHead(tags.delete(reference) ? 202 : 404).end();
    }
    const tagged = [...tags].filter(([, digest]) => digest === reference);
    if (tagged.length > 0 && noTaggedDelete !== undefined)
      return refuse(request, response, noTaggedDelete, 'GOOGLE_MANIFEST_DANGLING_TAG');
    const isThere = manifests.has(reference) && !unlinked.has(reference);
    if (tagsOutlive && tagged.length > 0) unlinked.add(reference);
    else {
      manifests.delete(reference);
      for (const [tag] of tagged) tags.delete(tag);
    }
    response.writeHead(isThere ? 202 : 404).end();
  }

  async #manifest(
    request: IncomingMessage,
    response: ServerResponse,
    repository: Repository,
    reference: string,
  ): Promise<void> {
    const { tags, manifests, unlinked } = repository;
    const { aliasTag, immutable, missingTag, refusedTag } = this.behaviour;
    const isTag = !reference.startsWith('sha256:');
    if (request.method === 'PUT') {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      const digest = digestOf(bytes);
      const former = tags.get(reference);
      if (isTag && immutable !== undefined && former !== undefined && former !== digest)
        return refuse(request, response, immutable, 'TAG_INVALID');
      unlinked.delete(digest);
      manifests.set(digest, { type: request.headers['content-type'] ?? manifestType, bytes });
      if (isTag) tags.set(reference, digest);
      return void response.writeHead(201, { 'docker-content-digest': digest }).end();
    }
    const derived = /^sha256-([0-9a-f]{64})/.exec(reference);
    const alias = aliasTag && /^sha256-[0-9a-f]{64}$/.test(reference) ? `sha256:${derived![1]}` : undefined;
    const digest = isTag ? (tags.get(reference) ?? alias) : reference;
    const found = !isTag && unlinked.has(reference) ? undefined : manifests.get(digest ?? '');
    if (!found) return refuse(request, response, (derived && missingTag) || 404, 'MANIFEST_UNKNOWN');
    if (derived && refusedTag !== undefined) return refuse(request, response, refusedTag, 'DENIED');
    response.writeHead(200, {
      'content-type': found.type,
      'content-length': found.bytes.length,
      'docker-content-digest': digest,
    });
    response.end(request.method === 'HEAD' ? undefined : found.bytes);
  }

  #referrers(response: ServerResponse, { manifests }: Repository, subject: string): void {
    const { referrers } = this.behaviour;
    if (referrers === 'none') return void response.writeHead(404).end();
    if (referrers === 'page')
      return void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>x</h1>');
    const found = [...manifests].flatMap(([digest, { type, bytes }]) => {
      const { subject: about, artifactType } = JSON.parse(bytes.toString()) as {
        subject?: { digest: string };
        artifactType?: string;
      };
      return about?.digest === subject ? [{ mediaType: type, digest, size: bytes.length, artifactType }] : [];
    });
    const body = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: found });
    response.writeHead(200, { 'content-type': indexType }).end(body);
  }
}

/** What is sent is heard to its end, as most servers do. */
async function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
): Promise<void> {
  for await (const chunk of request as AsyncIterable<Buffer>) void chunk;
  response.writeHead(status, { ...headers, 'content-type': 'application/json' });
  const body = JSON.stringify({ errors: [{ code, message: 'as some registries do' }] });
  response.end(request.method === 'HEAD' ? undefined : body);
}
