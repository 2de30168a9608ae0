import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { maxSignatures, readSignatureFiles } from './lookaside.ts';

const digest = `sha256:${'a'.repeat(64)}` as const;
const image = { repository: 'team/app', digest };
const folder = `team/app@sha256=${'a'.repeat(64)}`;
let server: Server;
let asked: string[];
let answer: RequestListener;
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url!);
    answer(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
});
beforeEach(() => {
  asked = [];
});
afterAll(() => void server.close());
const base = (path = '/sigs') => new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
const bytesOf = async (of = base()) =>
  (await readSignatureFiles(of, image)).map(({ bytes }) => bytes.toString());

test('they are asked for by their numbers, until one is not there', async () => {
  answer = ({ url }, response) =>
    url!.endsWith('-3') ? response.writeHead(404).end('none') : response.end(`is ${url!.at(-1)}`);
  expect(await bytesOf()).toEqual(['is 1', 'is 2']);
  expect(asked).toEqual([1, 2, 3].map((n) => `/sigs/${folder}/signature-${n}`));
});

test('a web page in the place of one that is missing ends them', async () => {
  answer = ({ url }, response) =>
    url!.endsWith('-2')
      ? response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>')
      : response.end('one');
  expect(await bytesOf()).toEqual(['one']);
});

test('a server that goes elsewhere is followed', async () => {
  answer = ({ url }, response) => {
    if (url!.startsWith('/moved')) return response.end(url!.endsWith('-1') ? 'one' : undefined);
    return url!.endsWith('-1')
      ? response.writeHead(302, { location: `/moved${url}` }).end()
      : response.writeHead(404).end();
  };
  expect(await bytesOf()).toEqual(['one']);
});

test('no more than podman looks at', async () => {
  answer = (_request, response) => response.end('one');
  expect(await bytesOf()).toHaveLength(maxSignatures);
});

test('one that is too large is refused', async () => {
  answer = (_request, response) => response.end(Buffer.alloc((1 << 20) + 1));
  await expect(bytesOf()).rejects.toMatchObject({ code: 'REGISTRY_INVALID' });
});

test.each([500, 403])('a server that says %s is unavailable, and not empty', async (status) => {
  answer = (_request, response) => response.writeHead(status).end();
  await expect(bytesOf()).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
  expect(asked).toHaveLength(status === 500 ? 3 : 1);
});

test('on this host', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'milliner-lookaside-'));
  const place = join(directory, folder);
  try {
    expect(await bytesOf(pathToFileURL(directory))).toEqual([]);
    await mkdir(place, { recursive: true });
    await writeFile(join(place, 'signature-1'), 'one');
    expect(await bytesOf(pathToFileURL(directory))).toEqual(['one']);
    await mkdir(join(place, 'signature-2'));
    await expect(bytesOf(pathToFileURL(directory))).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' });
    await expect(bytesOf(new URL('file://elsewhere/x'))).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
    });
  } finally {
    await rm(directory, { recursive: true });
  }
});
