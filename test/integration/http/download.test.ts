import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import type { Checksum } from '../../../src/lib/host/checksum.ts';
import { download, fetchBytes } from '../../../src/lib/http/download.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

const content = randomBytes(300_000);
const checksum: Checksum = { type: 'sha256', value: createHash('sha256').update(content).digest('hex') };
const maxBytes = 1_000_000;
let directory: string;
let file: string;
const servers: Server[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'http-'));
  file = join(directory, 'file');
});

afterEach(async () => {
  for (const server of servers.splice(0)) server.closeAllConnections();
  await rm(directory, { recursive: true });
});

async function serve(handler: Handler): Promise<string> {
  let count = 0;
  const server = createServer((request, response) => handler(request, response, ++count));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const whole: Handler = (_request, response) => void response.end(content);

/** Answers ranges; the first `cuts` answers end with a broken connection half-way. */
function ranged(cuts: number, seen: string[] = []): Handler {
  return (request, response, count) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    seen.push(request.headers.range ?? '');
    const rest = content.subarray(from);
    const headers = {
      'content-length': rest.length,
      'content-range': `bytes ${from}-${content.length - 1}/${content.length}`,
    };
    response.writeHead(request.headers.range ? 206 : 200, headers);
    if (count > cuts) response.end(rest);
    else response.write(rest.subarray(0, rest.length / 2), () => response.destroy());
  };
}

async function codeOf(promise: Promise<unknown>): Promise<MillinerError> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(MillinerError);
  return error as MillinerError;
}

test('a file arrives whole and leaves nothing beside it', async () => {
  const progress: number[] = [];
  const url = await serve(whole);
  const onProgress = (done: number) => void progress.push(done);
  await download(url, file, { checksum, size: content.length, maxBytes, onProgress });
  expect((await readFile(file)).equals(content)).toBe(true);
  expect(await readdir(directory)).toEqual(['file']);
  expect(progress.at(-1)).toBe(content.length);
});

test('a broken transfer goes on where it broke', async () => {
  const seen: string[] = [];
  await download(await serve(ranged(2, seen)), file, { checksum, maxBytes });
  expect((await readFile(file)).equals(content)).toBe(true);
  const starts = seen.map((range) => Number(/\d+/.exec(range)?.[0] ?? 0));
  expect(starts).toHaveLength(3);
  // How much of a broken answer arrives is the kernel's affair, but none of it is asked for twice.
  expect(starts.toSorted((a, b) => a - b)).toEqual(starts);
  expect(starts[2]).toBeGreaterThan(0);
});

test('what an earlier process left is used, and thrown away where it is of another version', async () => {
  await writeFile(`${file}.part`, content.subarray(0, 1000));
  const seen: string[] = [];
  await download(await serve(ranged(0, seen)), file, { checksum, maxBytes });
  expect(seen).toEqual(['bytes=1000-']);
  await writeFile(`${file}.part`, randomBytes(1000));
  await download(await serve(ranged(0, seen)), file, { checksum, maxBytes });
  expect((await readFile(file)).equals(content)).toBe(true);
  expect(seen).toEqual(['bytes=1000-', 'bytes=1000-', '']);
});

test('a server that ignores ranges sends all of it again', async () => {
  await writeFile(`${file}.part`, content.subarray(0, 1000));
  await download(await serve(whole), file, { checksum, maxBytes });
  expect((await readFile(file)).equals(content)).toBe(true);
});

test('without a checksum nothing is resumed', async () => {
  await writeFile(`${file}.part`, 'old');
  const seen: string[] = [];
  await download(await serve(ranged(0, seen)), file, { maxBytes });
  expect(seen).toEqual(['']);
  expect((await readFile(file)).equals(content)).toBe(true);
});

test('two downloads of one file take turns and ask once', async () => {
  let asked = 0;
  const url = await serve((_request, response) => {
    asked++;
    response.end(content);
  });
  await Promise.all([1, 2, 3].map(() => download(url, file, { checksum, maxBytes })));
  expect(asked).toBe(1);
  expect(await readdir(directory)).toEqual(['file']);
});

test.each([408, 429, 500, 503])('status %d passes', async (status) => {
  const url = await serve((_request, response, count) => {
    response.statusCode = count === 1 ? status : 200;
    response.end(content);
  });
  expect((await fetchBytes(url, { maxBytes })).equals(content)).toBe(true);
});

test('status 404 is not asked for again, the next mirror is', async () => {
  let asked = 0;
  const gone = await serve((_request, response) => {
    asked++;
    response.statusCode = 404;
    response.end();
  });
  await download([gone, await serve(whole)], file, { checksum, maxBytes });
  expect(asked).toBe(1);
  const error = await codeOf(fetchBytes(gone, { maxBytes }));
  expect(error.code).toBe('REPO_UNAVAILABLE');
  expect(error.message).toContain(new URL(gone).host);
});

test('a mirror with other bytes is passed over; alone it is an error', async () => {
  const wrong = await serve((_request, response) => void response.end(randomBytes(content.length)));
  const error = await codeOf(download(wrong, file, { checksum, maxBytes }));
  expect(error.code).toBe('DIGEST_MISMATCH');
  expect(await readdir(directory)).toEqual(['file.part']);
  await download([wrong, await serve(whole)], file, { checksum, maxBytes });
  expect((await readFile(file)).equals(content)).toBe(true);
});

test('sizes are held, announced or not', async () => {
  const chunked = await serve((_request, response) => {
    response.write(content.subarray(0, 10));
    response.end(content.subarray(10));
  });
  expect((await codeOf(fetchBytes(chunked, { maxBytes: 1000 }))).code).toBe('REPO_UNAVAILABLE');
  for (const size of [content.length - 1, content.length + 1]) {
    expect((await codeOf(download(chunked, file, { size, maxBytes }))).code).toBe('DIGEST_MISMATCH');
  }
});

test('redirects are followed, not for ever, and passwords stay with their host', async () => {
  let authorization: string | undefined;
  const other = await serve((request, response) => {
    authorization = request.headers.authorization;
    response.end(content);
  });
  const seen: (string | undefined)[] = [];
  const first = await serve((request, response) => {
    seen.push(request.headers.authorization);
    const away = request.url === '/away';
    response.writeHead(302, { location: away ? `${other}/file` : request.url === '/' ? '/away' : '/loop' });
    response.end();
  });
  const access = { secrets: [{ origin: first, username: 'user', password: 'secret' }] };
  expect((await fetchBytes(first, { maxBytes, access })).equals(content)).toBe(true);
  expect(seen).toEqual(Array(2).fill(`Basic ${Buffer.from('user:secret').toString('base64')}`));
  expect(authorization).toBeUndefined();
  // What stands in a URL is sent to nobody.
  await fetchBytes(first.replace('//', '//user:secret@'), { maxBytes });
  expect(seen.slice(2)).toEqual([undefined, undefined]);
  const error = await codeOf(fetchBytes(`${first}/loop?token=secret`, { maxBytes, access }));
  expect(error.code).toBe('REPO_UNAVAILABLE');
  expect(JSON.stringify([error.message, error.details])).not.toContain('secret');
});

test('what is no HTTP URL is refused', async () => {
  for (const url of ['file:///etc/passwd', 'nothing']) {
    expect((await codeOf(fetchBytes(url, { maxBytes }))).code).toBe('REPO_UNAVAILABLE');
  }
  expect((await codeOf(fetchBytes([], { maxBytes }))).code).toBe('REPO_UNAVAILABLE');
});

test('an abort ends it at once and keeps what arrived', async () => {
  const url = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 1000));
  });
  const stop = new AbortController();
  const onProgress = () => stop.abort();
  const error = await codeOf(download(url, file, { checksum, maxBytes, signal: stop.signal, onProgress }));
  expect(error.code).toBe('INTERRUPTED');
  expect((await readFile(`${file}.part`)).equals(content.subarray(0, 1000))).toBe(true);
});
