/** Each way in which GitHub's API fails is an error of the table, within bounds, and tells no secret. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { connectGithub, type GithubOptions } from '../../../src/github/connect.ts';
import { readCredentials, type Credentials } from '../../../src/github/github-credentials.ts';
import type { Github } from '../../../src/github/github-api.ts';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { GithubStandIn, limits, type Fault } from '../../helpers/github/stand-in.ts';
import { unpaced } from '../../helpers/github/unpaced.ts';

let standIn: GithubStandIn;
let steps: string[];
beforeEach(async () => {
  standIn = await GithubStandIn.start();
  standIn.state.push({ 'README.md': 'hats\n' });
  steps = [];
});
afterEach(async () => {
  vi.useRealTimers();
  expect(standIn.violations).toEqual([]);
  await standIn.close();
});

const connect = (credentials: Credentials, options: Partial<GithubOptions> = {}) =>
  connectGithub({
    url: standIn.url,
    repository: standIn.repository,
    credentials,
    progress: { step: (text) => steps.push(text), update() {}, warn: (text) => steps.push(text) },
    pace: unpaced,
    ...options,
  });
const withToken = (options: Partial<GithubOptions> = {}) => connect({ token: standIn.addToken() }, options);
const readRepository = (github: Github) =>
  github.ask(z.object({ default_branch: z.string() }), ({ rest }, at) => rest.repos.get(at));
const openIssue = (github: Github) =>
  github.ask(z.object({ number: z.int() }), ({ rest }, at) => rest.issues.create({ ...at, title: 'a hat' }));

async function failure(work: Promise<unknown>): Promise<MillinerError> {
  const error = await work.catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(MillinerError);
  for (const secret of standIn.tokens.keys()) {
    const { message, stack, details, hint } = error as MillinerError;
    expect(JSON.stringify([message, stack, details, hint, steps, (error as Error).cause])).not.toContain(
      secret,
    );
  }
  return error as MillinerError;
}

test('a token and an App reach the repository', async () => {
  expect(await readRepository(await withToken())).toEqual({ default_branch: 'main' });
  const app = await connect({ appId: standIn.appId, privateKey: await appKey() });
  expect(await readRepository(app)).toEqual({ default_branch: 'main' });
  expect(app.permissions).toMatchObject({ contents: 'write', checks: 'write' });
  expect(app.writes).toBe(0);
});

async function appKey(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'milliner-app-'));
  try {
    const path = join(directory, 'app.pem');
    await writeFile(path, standIn.appKey, { mode: 0o600 });
    const credentials = await readCredentials({ appId: standIn.appId, appKey: path });
    return (credentials as { privateKey: string }).privateKey;
  } finally {
    await rm(directory, { recursive: true });
  }
}

const refusals: [string, Fault, string][] = [
  ['an unknown token', { status: 401 }, 'GITHUB_UNAUTHENTICATED'],
  ['a refusal', { status: 403 }, 'GITHUB_DENIED'],
  ['nothing there', { status: 404 }, 'GITHUB_NOT_FOUND'],
  ['a conflict', { status: 409 }, 'GITHUB_CONFLICT'],
  ['an invalid request', { status: 422 }, 'GITHUB_REFUSED'],
  ['a limit for an hour', limits.primary(3600), 'GITHUB_RATE_LIMITED'],
  ['a secondary limit for an hour', limits.secondary(3600), 'GITHUB_RATE_LIMITED'],
  ['429 with an hour in seconds', limits.seconds(3600), 'GITHUB_RATE_LIMITED'],
  ['429 with a date', limits.date(3600), 'GITHUB_RATE_LIMITED'],
  ['502 without end', { status: 502, times: 9 }, 'GITHUB_UNAVAILABLE'],
  ['connections that are cut', { cut: 'before', times: 9 }, 'GITHUB_UNAVAILABLE'],
  ['a page of a proxy', { status: 200, text: '<html>' }, 'GITHUB_INVALID'],
];
test.each(refusals)('%s', async (_name, fault, code) => {
  standIn.fail({ ...fault, echo: fault.text === undefined });
  const error = await failure(withToken().then(readRepository));
  expect(error).toMatchObject({ code, exitCode: 20 });
  if (code === 'GITHUB_RATE_LIMITED') {
    const inSeconds = (Date.parse(String(error.details['retryAt'])) - Date.now()) / 1000;
    expect(Math.abs(inSeconds - 3600)).toBeLessThan(60);
    expect(standIn.requests).toHaveLength(1);
  }
});

test.each([
  ['primary', () => limits.primary(5)],
  ['secondary', () => limits.secondary(5)],
  ['seconds', () => limits.seconds(5)],
  ['date', () => limits.date(5)],
  ['absent', () => limits.absent()],
])('a limit that passes is waited for, and the wait is told: %s', async (_name, limit) => {
  standIn.fail({ ...limit(), times: 2 });
  expect(await readRepository(await withToken())).toEqual({ default_branch: 'main' });
  expect(steps).toHaveLength(2);
  expect(standIn.requests).toHaveLength(3);
});

test('all waits together have a bound', async () => {
  standIn.fail({ ...limits.seconds(40), times: 9 });
  const error = await failure(withToken({ maxWait: 60_000 }).then(readRepository));
  expect(error.code).toBe('GITHUB_RATE_LIMITED');
  expect(standIn.requests).toHaveLength(2);
});

test('what passes is asked again; a write that may have been carried out is not', async () => {
  for (const fault of [{ status: 502 }, { cut: 'before' }, { cut: 'after' }] as const) {
    standIn.fail({ ...fault, times: 2 });
    expect(await readRepository(await withToken())).toEqual({ default_branch: 'main' });
    standIn.faults.clear();
  }
  standIn.fail({ on: 'POST /issues', cut: 'after', times: 2 });
  const error = await failure(withToken().then(openIssue));
  expect(error.code).toBe('GITHUB_UNAVAILABLE');
  expect(standIn.state.issues).toHaveLength(1);
});

test('an App whose token expires in the middle gets a new one', async () => {
  const github = await connect({ appId: standIn.appId, privateKey: await appKey() });
  await openIssue(github);
  // Octokit waits for a token that is younger than five seconds: GitHub's servers may not know it yet.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
  standIn.fail({ on: 'POST /issues', expireTokens: true });
  await openIssue(github);
  expect(standIn.state.issues).toHaveLength(2);
  expect(standIn.tokens.size).toBe(1);
});

test('a missing scope is named by what GitHub says of it in headers', async () => {
  const github = await connect({ token: standIn.addToken(['public_repo']) });
  const error = await failure(openIssue(github));
  expect(error).toMatchObject({
    code: 'GITHUB_DENIED',
    details: { accepted: 'repo', granted: 'public_repo' },
  });
});

test('the token of an echo is not in an answer either', async () => {
  const token = standIn.addToken();
  const github = await connect({ token });
  standIn.fail({ status: 200, text: JSON.stringify({ default_branch: token }) });
  const answer = await github.answer(({ rest }, at) => rest.repos.get(at));
  expect(JSON.stringify(answer)).not.toContain(token);
});

test('lists are read to the end, up to a bound, and from no other server', async () => {
  const github = await withToken();
  for (let index = 0; index < 250; index += 1)
    standIn.state.labels.push({ id: index, name: `hat-${index}`, color: 'ededed', description: '' });
  const list = (max: number) =>
    github.list(z.object({ name: z.string() }), '/repos/{owner}/{repo}/labels', {}, max);
  expect(await list(1000)).toHaveLength(250);
  expect((await failure(list(200))).code).toBe('GITHUB_INVALID');
  const link = '<https://elsewhere.example.com/labels?page=2>; rel="next"';
  standIn.fail({
    on: 'GET /labels',
    status: 200,
    text: '[]',
    headers: { link, 'content-type': 'application/json' },
  });
  expect((await failure(list(1000))).code).toBe('GITHUB_INVALID');
});

test('an interruption ends a wait', async () => {
  const stop = new AbortController();
  standIn.fail({ ...limits.seconds(300), times: 9 });
  const github = await withToken({ signal: stop.signal, pace: { ...unpaced, throttle: {} } });
  const work = readRepository(github);
  setTimeout(() => stop.abort(new MillinerError('INTERRUPTED', 'stopped')), 50);
  expect((await failure(work)).code).toBe('INTERRUPTED');
});

test.each(['http://github.example.com/api/v3', 'ftp://127.0.0.1', 'https://user@github.example.com', 'x'])(
  'the token is not sent to %s',
  async (url) => {
    expect((await failure(withToken({ url }))).code).toBe('USAGE');
  },
);

test('credentials that others can read, or that are none, are refused', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'milliner-token-'));
  const path = join(directory, 'token');
  const read = (sources: Parameters<typeof readCredentials>[0]) => readCredentials(sources);
  await writeFile(path, 'ghp_0123456789abcdef\n', { mode: 0o644 });
  await expect(read({ tokenFile: path })).rejects.toMatchObject({ code: 'GITHUB_CREDENTIALS' });
  await rm(path);
  await writeFile(path, 'ghp_0123456789abcdef\n', { mode: 0o600 });
  expect(await read({ tokenFile: path })).toEqual({ token: 'ghp_0123456789abcdef' });
  for (const sources of [
    {},
    { token: '' },
    { token: 'two words' },
    { appId: '1' },
    { tokenFile: directory },
    { appId: '1', appKey: path },
  ])
    await expect(read(sources)).rejects.toMatchObject({ code: 'GITHUB_CREDENTIALS' });
  await rm(directory, { recursive: true });
});
