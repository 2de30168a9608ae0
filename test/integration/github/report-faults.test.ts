/** However GitHub fails, a report ends as documented, tells no secret, and the next one completes it without a second copy. */
import { glob, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readCredentials } from '../../../src/github/github-credentials.ts';
import type { ErrorCode } from '../../../src/lib/errors/error.ts';
import { limits, type Fault } from '../../helpers/github/stand-in.ts';
import { shareOfDay } from '../../helpers/soak.ts';
import { failed, published, ReportScene } from './report-scene.ts';

let scene: ReportScene;
let secrets: string[];
beforeEach(async () => {
  scene = await ReportScene.open();
  secrets = [];
  await scene.night(1, [published('base'), failed('app')]);
});
afterEach(async () => {
  expect(scene.standIn.violations).toEqual([]);
  await expectNoSecret();
  await scene.close();
});

/** Neither in what was told, nor in a file of the state. */
async function expectNoSecret(): Promise<void> {
  const texts = [...scene.told, ...secrets];
  for await (const path of glob('**/*.json', { cwd: scene.state }))
    texts.push(await readFile(join(scene.state, path), 'utf8'));
  expect(scene.standIn.requests.some(({ authorization }) => authorization.includes(scene.token))).toBe(true);
  for (const token of [...scene.standIn.tokens.keys(), scene.token])
    expect(texts.filter((text) => text.includes(token))).toEqual([]);
}

/** What a run without faults leaves. */
function expectWhole(): void {
  const { releases, statuses, issues } = scene.standIn.state;
  expect(releases.map(({ tag, draft, assets }) => [tag, draft, assets.length])).toEqual([
    ['base-555555555555', false, 1],
  ]);
  expect([...new Set(statuses.map(({ context, state }) => `${context} ${state}`))].toSorted()).toEqual([
    'milliner/hats/app failure',
    'milliner/hats/base success',
  ]);
  expect(issues.map(({ title, state }) => [title, state])).toEqual([
    ['The night of hats failed', 'open'],
    ['app of hats fails', 'open'],
  ]);
}

/** The second run has nothing of the first one's trouble, and the third has nothing to do. */
async function expectMended(): Promise<void> {
  scene.standIn.faults.clear();
  expect((await scene.report()).failures).toEqual([]);
  expectWhole();
  expect((await scene.report()).writes).toBe(0);
}

const often = 20;
const faults: [string, Fault, ErrorCode | undefined][] = [
  ['an unknown token', { status: 401, times: often }, 'GITHUB_UNAUTHENTICATED'],
  ['a refusal that echoes the token', { status: 403, echo: true, times: often }, 'GITHUB_DENIED'],
  ['a conflict', { status: 409, times: often }, 'GITHUB_CONFLICT'],
  ['a request that is said to be invalid', { status: 422, echo: true, times: often }, 'GITHUB_REFUSED'],
  ['a primary limit of an hour', { ...limits.primary(3600), times: often }, 'GITHUB_RATE_LIMITED'],
  ['a primary limit that passes', limits.primary(0), undefined],
  ['a secondary limit of an hour', { ...limits.secondary(3600), times: often }, 'GITHUB_RATE_LIMITED'],
  ['a secondary limit that passes', limits.secondary(1), undefined],
  ['429 with seconds', limits.seconds(1), undefined],
  ['429 with a date', { ...limits.date(3600), times: often }, 'GITHUB_RATE_LIMITED'],
  ['429 with nothing', limits.absent(), undefined],
  ['502 with a page of a proxy', { status: 502, text: '<html>', times: often }, 'GITHUB_UNAVAILABLE'],
  ['an answer that is no JSON', { status: 200, text: '<html>', times: often }, 'GITHUB_INVALID'],
  ['a connection that is cut before', { cut: 'before', times: often }, 'GITHUB_UNAVAILABLE'],
  ['a connection that is cut after', { cut: 'after', times: often }, 'GITHUB_UNAVAILABLE'],
];
const requests = [
  'GET /git/commits',
  'GET /releases/tags',
  'POST /releases',
  'POST /releases/',
  'PATCH /releases',
  'GET /commits',
  'POST /statuses',
  'GET /issues',
  'POST /issues',
];
const cases = faults.flatMap(([name, fault, code]) => requests.map((on) => [on, name, fault, code] as const));

describe.each(shareOfDay(cases, 30))('%s: %s', (on, _, fault, code) => {
  test('ends as documented, and the next run completes it', async () => {
    scene.standIn.fail({ ...fault, on });
    const { failures } = await scene.report();
    secrets.push(JSON.stringify(failures));
    const codes = new Set(failures.map((failure) => failure.code));
    expect([...codes]).toEqual(code === undefined ? [] : [code]);
    await expectMended();
  });
});

test('a repository that is hidden is told as that, and not as recipes without commits', async () => {
  scene.standIn.fail({ status: 404, times: 3 });
  const { failures, writes } = await scene.report();
  expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(['GITHUB_NOT_FOUND']));
  expect(writes).toBe(0);
  await expectMended();
});

test('a server that does not answer is asked a few times for each part, however many images there are', async () => {
  await scene.night(
    2,
    Array.from({ length: 200 }, (_, index) => published('base', '7', { recipe: `r${index}` })),
  );
  scene.standIn.fail({ status: 502, times: 100_000 });
  const { failures } = await scene.report();
  expect(failures.map(({ code }) => code)).toEqual(['GITHUB_UNAVAILABLE', 'GITHUB_UNAVAILABLE']);
  expect(scene.standIn.requests.length).toBeLessThan(20);
});

test('a token that may write no statuses costs the statuses alone', async () => {
  const { token } = scene;
  scene.token = scene.standIn.addFineToken({
    metadata: 'read',
    contents: 'write',
    issues: 'write',
    statuses: 'read',
  });
  const { failures } = await scene.report();
  expect(failures.map(({ code }) => code)).toEqual(['GITHUB_DENIED']);
  expect(scene.standIn.state.releases).toHaveLength(1);
  expect(scene.standIn.state.issues).toHaveLength(2);
  scene.token = token;
  await expectMended();
});

test('the token of an App expires in the middle, and the report goes on with a new one', async () => {
  const path = join(scene.directory, 'app.pem');
  await writeFile(path, scene.standIn.appKey, { mode: 0o600 });
  const credentials = await readCredentials({ appId: scene.standIn.appId, appKey: path });
  scene.standIn.fail({ on: 'POST /statuses', expireTokens: true });
  scene.standIn.fail({ on: 'POST /issues', expireTokens: true });
  expect((await scene.report({ credentials })).failures).toEqual([]);
  expectWhole();
  await expectMended();
});

test('an interruption ends the report at once', async () => {
  const stop = new AbortController();
  scene.standIn.fail({ ...limits.seconds(30), on: 'POST /releases' });
  const report = scene.report({ signal: stop.signal, pace: undefined });
  await expect.poll(() => scene.standIn.writes.length, { timeout: 10_000 }).toBe(1);
  stop.abort(new Error('stopped'));
  await expect(report).rejects.toThrow('stopped');
  await expectMended();
});
