/** Real nights of a set with `github:`: what GitHub does changes nothing of what is published, and is made up for. */
import { globSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ShownNights } from '../../../src/github/report-nights.ts';
import { run } from '../../../src/lib/host/exec.ts';
import type { Night } from '../../../src/nightly/run-night.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { GithubStandIn } from '../../helpers/github/stand-in.ts';
import { soak } from '../../helpers/soak.ts';
import { NightScene, outcomes } from '../nightly/night-scene.ts';

useOneProcess();

let scene: NightScene;
let standIn: GithubStandIn;
let token: string;
beforeAll(async () => {
  [scene, standIn] = [await NightScene.open(), await GithubStandIn.start()];
  token = standIn.addToken();
  standIn.state.push({ 'README.md': 'hats\n' });
  await scene.offer([{ name: 'lib-a', version: 1 }]);
  await scene.recipe('hat', ['lib-a']);
  await scene.set({ recipes: ['hat'], github: { repository: standIn.repository, url: standIn.url } });
  const { directory } = scene.bench.desk;
  const identity = ['-c', 'user.name=hatter', '-c', 'user.email=hatter@example.com'];
  const git = (...args: string[]) => run('git', [...identity, ...args], { cwd: directory });
  await git('init', '--quiet');
  await git('add', 'recipes');
  await git('commit', '--quiet', '--message', 'recipes');
  const sha = (await git('rev-parse', 'HEAD')).stdout.trim();
  const { commits } = standIn.state.git;
  commits.set(sha, { ...[...commits.values()][0]!, sha });
});
afterAll(async () => {
  expect(standIn.violations).toEqual([]);
  await standIn.close();
  await scene.close();
});

/** In one process, whose standard output and errors are searched for the token. */
async function milliner<T>(args: string[], isFailing = false): Promise<T> {
  const ended = await scene.bench.ended([...args, '--json'], { GITHUB_TOKEN: token });
  expect(ended.code === 0, ended.stderr).toBe(!isFailing);
  expect(`${ended.stdout}${ended.stderr}`).not.toContain(token);
  const answer = JSON.parse(ended.stdout) as T & { error: { details: T } };
  return isFailing ? answer.error.details : answer;
}
const night = (isFailing = false) => milliner<Night>(scene.command(), isFailing);
const report = (isFailing = false) => milliner<ShownNights>(['github', 'report', scene.setPath], isFailing);
const issues = () => standIn.state.issues.map(({ title, state }) => `${title}: ${state}`);

/** Arguments that any account of the host could read, from now until the list is stopped. */
function watchArguments() {
  const seen: string[] = [];
  const look = () => {
    for (const path of globSync('/proc/[0-9]*/cmdline')) {
      try {
        seen.push(readFileSync(path, 'utf8'));
      } catch {
        // The process has ended.
      }
    }
  };
  const timer = setInterval(look, 50);
  return { seen, [Symbol.dispose]: () => clearInterval(timer) };
}

test('a GitHub that refuses everything costs the night nothing; the next report makes up for it', async () => {
  standIn.fail({ status: 403, echo: true, times: 1000 });
  using watch = watchArguments();
  const first = await night();
  expect(watch.seen.filter((words) => words.includes(token))).toEqual([]);
  expect(watch.seen).not.toEqual([]);
  expect(outcomes(first)).toEqual({ hat: 'published' });
  expect(await scene.tag('hat')).toBeDefined();
  expect(new Set(first.failures.map(({ code }) => code))).toEqual(new Set(['GITHUB_DENIED']));
  expect((await report(true)).failures[0]).toMatchObject({ code: 'GITHUB_DENIED' });
  standIn.faults.clear();
  expect(await report()).toMatchObject({ nights: [first.report.started], failures: [] });
});

test('the release has the bills of materials and the verdict of the image', async () => {
  const [release] = standIn.state.releases;
  const digest = (await scene.tag('hat'))!;
  expect(release).toMatchObject({ tag: `hat-${digest.slice(7, 19)}`, draft: false });
  const json = (name: string) =>
    JSON.parse(release!.assets.find((asset) => asset.name === name)!.content.toString()) as object;
  expect(release!.assets.map(({ name }) => name)).toEqual([
    'release.pub',
    'x86_64.verdict.json',
    'x86_64.spdx.json',
    'x86_64.cdx.json',
  ]);
  expect(json('x86_64.verdict.json')).toMatchObject({ manifestDigest: digest, passed: true });
  expect(json('x86_64.spdx.json')).toMatchObject({ spdxVersion: 'SPDX-2.3' });
  expect(json('x86_64.cdx.json')).toMatchObject({ bomFormat: 'CycloneDX' });
  expect(release!.body).toContain(digest);
});

test('a report and a night with nothing new write nothing', async () => {
  const before = standIn.writes.length;
  expect(await report()).toMatchObject({ writes: 0 });
  expect((await night()).failures).toEqual([]);
  expect(standIn.writes.slice(before)).toEqual([]);
});

async function opensAndCloses(): Promise<void> {
  await scene.offer([
    { name: 'lib-a', version: 2, scriptlets: [{ kind: 'post', language: 'sh', body: 'exit 1' }] },
  ]);
  expect(outcomes(await night(true))).toEqual({ hat: 'failed' });
  expect(issues()).toEqual(['The night of night failed: open', 'hat of night fails: open']);
  await scene.offer([{ name: 'lib-a', version: 3 }]);
  expect(outcomes(await night())).toEqual({ hat: 'published' });
  expect(issues()).toEqual(['The night of night failed: closed', 'hat of night fails: closed']);
  expect(standIn.state.releases).toHaveLength(2);
}
// Octokit takes its time with what notifies people.
if (soak) test('a night that fails opens issues, one that publishes again closes them', opensAndCloses);

test('a night that ends before it has a report opens the issue of the night', async () => {
  await scene.bench.desk.recipe('hat', { packages: 3 });
  const ended = await scene.bench.ended([...scene.command(), '--json'], { GITHUB_TOKEN: token });
  expect(ended.code).not.toBe(0);
  expect(issues()[0]).toBe('The night of night failed: open');
});
