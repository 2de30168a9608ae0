/** A proposed lock is really built and booted; its check run says how that went, and only what has passed is merged. */
import { createPrivateKey } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectGithub } from '../../../src/github/connect.ts';
import { updatePulls, type LockPulls } from '../../../src/github/lock-pulls.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { withState } from '../../../src/pipeline/state/context.ts';
import { loadSet } from '../../../src/stages/recipe/load-set.ts';
import { GithubStandIn } from '../../helpers/github/stand-in.ts';
import { unpaced } from '../../helpers/github/unpaced.ts';
import { Desk } from '../../helpers/milliner.ts';

let desk: Desk;
let standIn: GithubStandIn;
beforeAll(async () => {
  desk = await Desk.open();
  standIn = await GithubStandIn.start();
  mkdirSync(desk.path('.git'));
  standIn.state.push({ 'README.md': 'hats\n' });
  const program = (text: string) => ({
    config: { entrypoint: ['/bin/sh', '-c', text] },
    test: { ready: { exit: 0 } },
  });
  await desk.tiny('good', ['tiny-base'], program('exit 0'));
  await desk.tiny('bad', ['tiny-base'], program('echo "@root <b> #1" >&2; exit 3'));
  const github = { repository: standIn.repository, url: standIn.url, automerge: 'squash' };
  const set = { name: 'night', key: 'none.key', recipes: ['good', 'bad'], github };
  await writeFile(desk.path('recipes/milliner.yaml'), JSON.stringify(set));
});
afterAll(async () => {
  await standIn.close();
  await desk.remove();
});

async function pulls(): Promise<LockPulls> {
  const { url, repository, appId, appKey } = standIn;
  const privateKey = createPrivateKey(appKey).export({ type: 'pkcs8', format: 'pem' }).toString();
  const credentials = { appId, privateKey };
  const github = await connectGithub({ url, repository, credentials, progress: silent, pace: unpaced });
  const loaded = await loadSet(desk.path('recipes/milliner.yaml'));
  const options = { state: desk.state, storage: 'overlay' as const, progress: silent };
  return withState(options, (context) => updatePulls(context, github, loaded, { boot: true }));
}

test('what has booted is merged, what has not stays open, and each has a check run', async () => {
  const { pulls: made, failed } = await pulls();
  expect(failed).toEqual([]);
  expect(made).toMatchObject([
    { recipe: 'good', outcome: 'merged', boot: 'passed' },
    { recipe: 'bad', outcome: 'opened', boot: 'failed' },
  ]);
  expect(standIn.state.read('recipes/good.lock.json')).toContain('tiny-base');
  expect(standIn.state.read('recipes/bad.lock.json')).toBeUndefined();
  const [good, bad] = standIn.state.checkRuns;
  expect(good).toMatchObject({ name: 'milliner boot good', conclusion: 'success' });
  expect(bad).toMatchObject({ name: 'milliner boot bad', conclusion: 'failure', headSha: made[1]!.head });
  expect(good!.output.text).toContain('Timeline');
  expect(bad!.output.summary).toContain('exited');
  expect(bad!.output.text).not.toMatch(/@root|<b>|#1/);
  // The pull request that failed is neither changed nor reported again.
  const before = standIn.writes.length;
  await writeFile(desk.path('recipes/good.lock.json'), standIn.state.read('recipes/good.lock.json')!);
  expect((await pulls()).pulls).toMatchObject([
    { recipe: 'good', outcome: 'closed' },
    { recipe: 'bad', outcome: 'unchanged', boot: 'failed' },
  ]);
  expect(standIn.writes.slice(before).map(({ method }) => method)).toEqual(['DELETE']);
  expect(standIn.violations).toEqual([]);
});
