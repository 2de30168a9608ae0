/** A repository's server on loopback, honest unless a fault is put in its way, and the metadata that it serves. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';

export interface Asked {
  path: string;
  headers: IncomingHttpHeaders;
  status: number;
  /** Common name of the client's certificate. */
  client: string | undefined;
}

/** Answers in the place of the file; false: after all, the file. */
export type Fault = (response: ServerResponse, file: Buffer, mirror: Mirror) => unknown;

export const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

export class Mirror {
  readonly url: string;
  readonly asked: Asked[] = [];
  /** Bytes that endless answers have given away. */
  sent = 0;
  readonly #files: Record<string, Buffer>;
  readonly #faults = new Map<string, Fault>();
  readonly #close: () => void;

  private constructor(url: string, files: Record<string, Buffer>, close: () => void) {
    this.url = url;
    this.#files = files;
    this.#close = close;
  }

  static async start(files: Record<string, Buffer | string>, tls?: ServerOptions): Promise<Mirror> {
    let mirror: Mirror | undefined;
    const answer = (request: IncomingMessage, response: ServerResponse) => mirror?.answer(request, response);
    const server = tls ? createTlsServer(tls, answer) : createServer(answer);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    mirror = new Mirror(url, {}, () => {
      server.closeAllConnections();
      server.close();
    });
    mirror.put(files);
    return mirror;
  }

  /** Of a repository at /r/. */
  get base(): string {
    return `${this.url}/r/`;
  }

  put(files: Record<string, Buffer | string>): void {
    for (const [path, content] of Object.entries(files)) this.#files[path] = Buffer.from(content);
  }

  remove(path: string): void {
    delete this.#files[path];
  }

  /** For all paths that end so; without a fault, as it was. */
  fault(ending: string, fault?: Fault): void {
    if (fault) this.#faults.set(ending, fault);
    else this.#faults.delete(ending);
  }

  paths(): string[] {
    return this.asked.map(({ path }) => path);
  }

  close(): void {
    this.#close();
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '').replace(/\?.*/, '');
    const socket = request.socket as { getPeerCertificate?: () => { subject?: { CN?: string } } };
    const asked: Asked = {
      path: request.url ?? '',
      headers: request.headers,
      status: 0,
      client: socket.getPeerCertificate?.().subject?.CN,
    };
    this.asked.push(asked);
    response.on('close', () => (asked.status = response.statusCode));
    const file = this.#files[path];
    const fault = [...this.#faults].find(([ending]) => path.endsWith(ending))?.[1];
    if (fault && fault(response, file ?? Buffer.alloc(0), this) !== false) return;
    if (!file) return void response.writeHead(404).end();
    const etag = `"${sha256(file).slice(0, 16)}"`;
    if (request.headers['if-none-match'] === etag) return void response.writeHead(304, { etag }).end();
    response.writeHead(200, { 'content-length': file.length, etag }).end(file);
  }
}

/** Writes until nobody reads any more. */
function pour(response: ServerResponse, mirror: Mirror, piece: Buffer): void {
  const more = () => {
    if (response.destroyed) return;
    mirror.sent += piece.length;
    if (response.write(piece)) setImmediate(more);
    else response.once('drain', more);
  };
  more();
}

const megabyte = Buffer.alloc(1024 * 1024, ' ');

export const faults = {
  isAbsent: (response) => response.writeHead(404).end(),
  fails: (response) => response.writeHead(503).end(),
  hangsUp: (response) => response.socket?.destroy(),
  saysNothing: () => undefined,
  isSlow: (response, file) => {
    response.writeHead(200, { 'content-length': file.length });
    let at = 0;
    const drip = setInterval(() => response.write(file.subarray(at, ++at)), 50);
    response.on('close', () => clearInterval(drip));
  },
  cutsOff: (response, file) => {
    response.writeHead(200, { 'content-length': file.length });
    response.write(file.subarray(0, file.length >> 1), () => response.destroy());
  },
  isShorter: (response, file) => response.writeHead(200).end(file.subarray(0, file.length - 7)),
  isLonger: (response, file) => response.writeHead(200).end(Buffer.concat([file, Buffer.from('<!-- -->')])),
  announcesLess: (response, file) => {
    response.socket?.end(
      Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${file.length - 7}\r\n\r\n`), file]),
    );
  },
  announcesMore: (response, file) => {
    response.socket?.end(
      Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${file.length + 7}\r\n\r\n`), file]),
    );
  },
  announcesTerabytes: (response, file) => {
    response.socket?.end(
      Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 10995116277760\r\n\r\n'), file]),
    );
  },
  isGarbage: (response, file) => response.end(Buffer.alloc(file.length, 'x')),
  isALoginPage: (response) => response.end('<html><body>Please log in<br></body></html>'),
  isEndless: (response, _file, mirror) => pour(response.writeHead(200), mirror, megabyte),
  isAnEndlessError: (response, _file, mirror) => pour(response.writeHead(500), mirror, megabyte),
  goesInCircles: (response) => response.writeHead(302, { location: '?again' }).end(),
  goesToAFile: (response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
} satisfies Record<string, Fault>;

export interface State {
  /** Paths below /r/. */
  files: Record<string, Buffer>;
  repomd: Buffer;
  primary: Buffer;
}

/** A whole repository of one age, `mark` telling it from others. */
export function repositoryState(age: number, mark = String(age), extra: Record<string, Buffer> = {}): State {
  const primary = gzipSync(`<metadata packages="0"><!-- ${mark.padEnd(2000, '.')} --></metadata>`);
  const all: Record<string, Buffer> = { 'primary.xml.gz': primary, ...extra };
  const entries = Object.entries(all).map(([name, bytes]) => {
    const type = name.replace(/\.xml.*/, '');
    return `<data type="${type}"><checksum type="sha256">${sha256(bytes)}</checksum>
      <location href="repodata/${sha256(bytes)}-${name}"/><size>${bytes.length}</size>
      <timestamp>${age}</timestamp></data>`;
  });
  const repomd = Buffer.from(`<repomd><revision>${age}</revision>${entries.join('')}</repomd>`);
  const files: Record<string, Buffer> = { '/r/repodata/repomd.xml': repomd };
  for (const [name, bytes] of Object.entries(all)) files[`/r/repodata/${sha256(bytes)}-${name}`] = bytes;
  return { files, repomd, primary };
}

interface Vouched {
  size?: number;
  hashes?: string;
}

const version = (of: Buffer, { size = of.length, hashes }: Vouched = {}) =>
  `<size>${size}</size><verification>${hashes ?? `<hash type="sha256">${sha256(of)}</hash>`}</verification>`;

/** As MirrorManager writes it. */
export function metalinkOf(
  repomd: Buffer,
  mirrors: readonly Mirror[],
  { older = [], ...vouched }: Vouched & { older?: readonly Buffer[] } = {},
): string {
  const alternates = older.map((one) => `<mm0:alternate>${version(one)}</mm0:alternate>`).join('');
  const urls = mirrors.map(
    ({ url }, index) =>
      `<url protocol="http" type="http" preference="${100 - index}">${url}/r/repodata/repomd.xml</url>`,
  );
  // Not in the order of their preference, and with mirrors that are not asked.
  return `<?xml version="1.0" encoding="utf-8"?>
    <metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://fedorahosted.org/mirrormanager">
    <files><file name="repomd.xml">${version(repomd, vouched)}<mm0:alternates>${alternates}</mm0:alternates>
    <resources maxconnections="1"><url protocol="rsync" preference="100">rsync://x/r/repodata/repomd.xml</url>
    ${urls.toReversed().join('\n')}</resources></file></files></metalink>`;
}
