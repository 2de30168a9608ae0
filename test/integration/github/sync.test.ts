/** A run that breaks anywhere is completed by the next one, without a second branch or pull request. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { connectGithub } from '../../../src/github/connect.ts';
import { refSchema } from '../../../src/github/git-answers.ts';
import { GitReader } from '../../../src/github/git-reader.ts';
import { closePull, syncPull, type WantedPull } from '../../../src/github/sync-pull.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { GithubStandIn, limits, type Fault } from '../../helpers/github/stand-in.ts';
import { unpaced } from '../../helpers/github/unpaced.ts';
import { shareOfDay } from '../../helpers/soak.ts';

const lock = 'recipes/base.lock.json';
const wanted: WantedPull = {
  branch: 'milliner/lock/base',
  message: 'a lock',
  title: 'a lock',
  body: 'what changes',
  labels: ['milliner'],
  files: new Map([
    [lock, '{"version":2}\n'],
    ['recipes/base.changes.md', null],
    ['recipes/other.lock.json', undefined],
  ]),
};

let standIn: GithubStandIn;
beforeEach(async () => {
  standIn = await GithubStandIn.start();
  standIn.state.push({
    'recipes/base.lock.json': '{"version":1}\n',
    'recipes/base.changes.md': 'old\n',
    'recipes/other.lock.json': '{}\n',
  });
});
afterEach(async () => {
  expect(standIn.violations).toEqual([]);
  await standIn.close();
});

/** `none`: the lock would not change any more. */
async function sync(proposal: WantedPull | 'none' = wanted): Promise<string> {
  const github = await connectGithub({
    url: standIn.url,
    repository: standIn.repository,
    credentials: { token: standIn.addToken() },
    progress: silent,
    pace: unpaced,
  });
  const refs = await github.ask(z.array(refSchema), ({ rest }, at) =>
    rest.git.listMatchingRefs({ ...at, ref: `heads/${wanted.branch}` }),
  );
  const head = refs[0]?.object.sha;
  const { defaultBranch: branch } = standIn.state;
  const base = { branch, sha: standIn.state.refs.get(`heads/${branch}`)! };
  const target = { github, reader: new GitReader(github), base };
  if (proposal === 'none') return (await closePull(target, wanted.branch, head!)).outcome;
  return (await syncPull(target, proposal, head)).outcome;
}

async function expectNothingToWrite(outcome = 'unchanged'): Promise<void> {
  const before = standIn.writes.length;
  expect(await sync()).toBe(outcome);
  expect(standIn.writes.slice(before)).toEqual([]);
}

const another = { ...wanted, files: new Map([...wanted.files, [lock, '{"version":3}\n']]) };
const thePull = () => standIn.state.pulls.at(-1)!;

test('opened, unchanged, updated in place, closed with its branch', async () => {
  expect(await sync()).toBe('opened');
  await expectNothingToWrite();
  expect(await sync(another)).toBe('updated');
  expect(standIn.state.pulls).toMatchObject([{ number: 1, state: 'open', title: 'a lock' }]);
  expect(standIn.state.read(lock, wanted.branch)).toBe('{"version":3}\n');
  expect(await sync('none')).toBe('closed');
  expect(standIn.state.pulls).toMatchObject([{ number: 1, state: 'closed' }]);
  expect([...standIn.state.refs.keys()]).toEqual(['heads/main']);
});

test('a lock that changed on the default branch: the branch is made anew on it', async () => {
  await sync();
  standIn.state.push({ [lock]: '{"version":1,"mine":true}\n' });
  expect(standIn.state.hasConflict(thePull())).toBe(true);
  expect(await sync()).toBe('updated');
  expect(standIn.state.hasConflict(thePull())).toBe(false);
  await expectNothingToWrite();
  // Another change of the default branch is none of the lock's.
  standIn.state.push({ 'README.md': 'hats\n' });
  await expectNothingToWrite();
});

test('the default branch is renamed: the pull request follows', async () => {
  await sync();
  standIn.state.rename('trunk');
  expect(await sync()).toBe('updated');
  expect(thePull().pull.base).toBe('trunk');
  await expectNothingToWrite();
});

test('what a person has closed stays closed until the lock changes', async () => {
  await sync();
  thePull().state = 'closed';
  await expectNothingToWrite('declined');
  expect(await sync(another)).toBe('opened');
  expect(standIn.state.pulls.map(({ state }) => state)).toEqual(['closed', 'open']);
});

test('a branch that others have pushed to is left alone', async () => {
  await sync();
  thePull().pull.headSha = standIn.state.push({ 'recipes/base.yaml': 'name: other\n' }, wanted.branch);
  await expectNothingToWrite('edited');
  expect(await sync(another)).toBe('edited');
  expect(await sync('none')).toBe('edited');
  expect(thePull().state).toBe('open');
});

test('a title, body or label that was changed by hand comes back; labels of others stay', async () => {
  await sync();
  Object.assign(thePull(), { title: 'x', body: 'x', labels: ['mine'] });
  expect(await sync()).toBe('updated');
  expect(thePull()).toMatchObject({ title: wanted.title, body: wanted.body, labels: ['mine', 'milliner'] });
  // GitHub's editor writes other line ends.
  Object.assign(thePull(), { body: `${wanted.body}\r\n` });
  await expectNothingToWrite();
});

test('a merged pull request is over: the same lock is nothing to propose, another one is', async () => {
  await sync();
  const { pull } = thePull();
  standIn.state.push({ [lock]: '{"version":2}\n' });
  Object.assign(thePull(), { state: 'closed' });
  pull.merged = true;
  expect(await sync(another)).toBe('opened');
  expect(standIn.state.pulls.map(({ state }) => state)).toEqual(['closed', 'open']);
});

const steps = [
  'POST /git/blobs',
  'POST /git/trees',
  'POST /git/commits',
  'POST /git/refs',
  'POST /pulls',
  'POST /issues',
];
const faults: [string, Fault, string][] = [
  ['cut before', { cut: 'before', times: 9 }, 'GITHUB_UNAVAILABLE'],
  ['cut after', { cut: 'after', times: 9 }, 'GITHUB_UNAVAILABLE'],
  ['502', { status: 502, times: 9 }, 'GITHUB_UNAVAILABLE'],
  ['401', { status: 401 }, 'GITHUB_UNAUTHENTICATED'],
  ['403', { status: 403 }, 'GITHUB_DENIED'],
  ['404', { status: 404 }, 'GITHUB_NOT_FOUND'],
  ['409', { status: 409 }, 'GITHUB_CONFLICT'],
  ['422', { status: 422 }, 'GITHUB_REFUSED'],
  ['429', limits.seconds(3600), 'GITHUB_RATE_LIMITED'],
  ['secondary limit', limits.secondary(3600), 'GITHUB_RATE_LIMITED'],
];
const cases = faults.flatMap(([name, fault, code]) => steps.map((on) => ({ name, fault, code, on })));

test.each(shareOfDay(cases, 7))('$name at $on', async ({ fault, code, on }) => {
  standIn.fail({ ...fault, on });
  await expect(sync()).rejects.toMatchObject({ code });
  standIn.faults.clear();
  await sync();
  const [pull, ...others] = standIn.state.pulls;
  expect(others).toEqual([]);
  expect(pull).toMatchObject({ state: 'open', title: 'a lock', labels: ['milliner'] });
  expect(standIn.state.read('recipes/base.lock.json', wanted.branch)).toBe('{"version":2}\n');
  expect(standIn.state.read('recipes/base.changes.md', wanted.branch)).toBeUndefined();
  expect(standIn.state.read('recipes/other.lock.json', wanted.branch)).toBe('{}\n');
  const before = standIn.writes.length;
  expect(await sync()).toBe('unchanged');
  expect(standIn.writes).toHaveLength(before);
});

test('limits that pass, and answers that are repeated, cost nothing but time', async () => {
  for (const on of steps)
    for (const limit of [limits.absent(), limits.secondary(3)]) standIn.fail({ ...limit, on });
  standIn.fail({ on: 'GET', status: 502 });
  standIn.fail({ on: 'GET', cut: 'before' });
  expect(await sync()).toBe('opened');
  expect(standIn.state.pulls).toHaveLength(1);
});
