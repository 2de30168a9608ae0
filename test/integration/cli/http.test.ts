/** A repository behind a server that misbehaves, and the same build when the server has come to its senses. */
import { createReadStream } from 'node:fs';
import { cp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Desk } from '../../helpers/milliner.ts';
import { createRepository } from '../../helpers/repo/edit-primary.ts';
import { appFile, tinyPackages } from '../../helpers/tiny/tiny.ts';
import { leftovers } from '../../helpers/traces.ts';

useOneProcess();

type Behaviour = (request: IncomingMessage, response: ServerResponse, file: string) => Promise<boolean>;

let shared: Desk;
let directory: string;
let server: Server;
let behaviour: Behaviour | undefined;
let requests: { url: string; range: string | undefined }[] = [];

beforeAll(async () => {
  shared = await Desk.open();
  directory = await shared.repository('served', ['tiny-base', 'tiny-app']);
  await createRepository(directory);
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await shared.remove();
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const file = join(directory, decodeURIComponent(request.url ?? '/'));
  requests.push({ url: request.url ?? '', range: request.headers.range });
  if (behaviour && (await behaviour(request, response, file))) return;
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) return void response.writeHead(404).end();
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const range = { 'content-range': `bytes ${start}-${found.size - 1}/${found.size}` };
  response.writeHead(start > 0 ? 206 : 200, {
    'content-length': found.size - start,
    ...(start > 0 && range),
  });
  createReadStream(file, { start }).pipe(response);
}

let desk: Desk;
let recipe: string;
beforeEach(async () => {
  desk = await Desk.open();
  requests = [];
  behaviour = undefined;
  const baseurl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const repos = [{ name: 'tiny', baseurl, keys: [(await tinyPackages()).key] }];
  recipe = await desk.recipe('remote', { repos, packages: ['tiny-app'] });
});
afterEach(async () => {
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

type Act = (response: ServerResponse, file: string, request: IncomingMessage) => Promise<void> | void;

/** Files that the behaviour is for; all others are served as they are. */
const only =
  (wanted: RegExp, act: Act): Behaviour =>
  async (request, response, file) => {
    if (!wanted.test(request.url ?? '')) return false;
    await act(response, file, request);
    return true;
  };

const fails500 = (response: ServerResponse) => void response.writeHead(500).end('no');
const is404 = (response: ServerResponse) => void response.writeHead(404).end();
const hangsUp = (response: ServerResponse) => void response.socket?.destroy();

async function sendsGarbage(response: ServerResponse, file: string): Promise<void> {
  const { size } = await stat(file);
  response.writeHead(200, { 'content-length': size }).end(Buffer.alloc(size, 'x'));
}

/** The first half, and the end once it lies on the client's disk; who asks for the rest gets nothing. */
async function cutsMidway(response: ServerResponse, file: string, request: IncomingMessage): Promise<void> {
  const bytes = await readFile(file);
  const half = Math.floor(bytes.length / 2);
  if (request.headers.range === undefined) {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, half));
    while (!(await sizesOfParts()).includes(half)) await sleep(5);
  }
  response.socket?.destroy();
}

async function sizesOfParts(): Promise<(number | undefined)[]> {
  const folder = join(desk.state, 'downloads');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.part'));
  // One that is gone meanwhile was finished or given up.
  return Promise.all(
    names.map(async (name) => (await stat(join(folder, name)).catch(() => undefined))?.size),
  );
}

async function sendsMore(response: ServerResponse, file: string): Promise<void> {
  response.writeHead(200).end(Buffer.concat([await readFile(file), Buffer.from('more')]));
}

test.each([
  ['repomd.xml is not there', /repomd/, is404, 'REPO_UNAVAILABLE'],
  ['a package is not there', /tiny-app/, is404, 'REPO_UNAVAILABLE'],
  ['primary is garbage', /primary/, sendsGarbage, 'DIGEST_MISMATCH'],
  ['repomd.xml is garbage', /repomd/, sendsGarbage, 'REPO_INVALID'],
  ['a package is garbage', /tiny-app/, sendsGarbage, 'DIGEST_MISMATCH'],
  ['a package is longer than promised', /tiny-app/, sendsMore, 'DIGEST_MISMATCH'],
])('%s', async (_what, wanted, act, code) => {
  behaviour = only(wanted, act);
  expect(await desk.fails(['build', recipe])).toMatchObject({ code, exit: 4 });
  behaviour = undefined;
  expect(await desk.build(recipe)).toMatchObject({ packages: 2 });
});

test('one package that is not there ends the build while another is still on its way', async () => {
  behaviour = async (request, response) => {
    if (request.url?.includes('tiny-app')) return false;
    if (!request.url?.includes('tiny-base')) return false;
    response.writeHead(200, { 'content-length': 1_000_000 });
    response.write('the beginning of it');
    return true;
  };
  await rm(join(directory, appFile));
  try {
    const began = requests.length;
    const error = await desk.fails(['build', recipe]);
    expect(error).toMatchObject({ code: 'REPO_UNAVAILABLE', exit: 4 });
    expect(error.message).toContain('tiny-app');
    expect(requests.slice(began).filter(({ url }) => url.includes('tiny-base')).length).toBeLessThan(2);
  } finally {
    await cp(join((await tinyPackages()).packages, appFile), join(directory, appFile));
  }
});

test('a server that fails, hangs up or cuts in passing costs nothing but time; what has come is resumed', async () => {
  const first = new Set<string>();
  behaviour = async (request, response, file) => {
    const url = request.url ?? '';
    if (first.has(url)) return false;
    first.add(url);
    if (url.includes('repomd')) fails500(response);
    else if (url.includes('primary')) hangsUp(response);
    else await cutsMidway(response, file, request);
    return true;
  };
  expect(await desk.build(recipe)).toMatchObject({ packages: 2 });
  const { size } = await stat(join(directory, appFile));
  const resumed = requests.filter(({ url, range }) => url.includes(appFile) && range !== undefined);
  expect(resumed.map(({ range }) => range)).toEqual([`bytes=${Math.floor(size / 2)}-`]);
});

test('a server that always fails, or is none, ends the build; the next run goes on where it was', async () => {
  behaviour = only(/tiny-base/, cutsMidway);
  const repos = [{ name: 'tiny', baseurl: 'http://127.0.0.1:9/', keys: [(await tinyPackages()).key] }];
  const closed = await desk.recipe('closed', { repos, packages: ['tiny-app'] });
  const [error, nobody] = await Promise.all([desk.fails(['build', recipe]), desk.fails(['lock', closed])]);
  expect(nobody).toMatchObject({ code: 'REPO_UNAVAILABLE', exit: 4 });
  expect(nobody.message).toContain('127.0.0.1:9');
  expect(error).toMatchObject({ code: 'REPO_UNAVAILABLE', exit: 4 });
  expect(error.message).toContain('tiny-base');
  behaviour = undefined;
  requests = [];
  await desk.build(recipe);
  const base = requests.filter(({ url }) => url.includes('tiny-base'));
  expect(base).toEqual([
    { url: expect.any(String) as string, range: expect.stringMatching(/^bytes=[1-9]/) as string },
  ]);
});
