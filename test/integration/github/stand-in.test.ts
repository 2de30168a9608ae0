/** The stand-in itself: every route answers as GitHub's description says, and strange requests are told. */
import { createPrivateKey } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectGithub } from '../../../src/github/connect.ts';
import type { Github } from '../../../src/github/github-api.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { GithubStandIn } from '../../helpers/github/stand-in.ts';
import { unpaced } from '../../helpers/github/unpaced.ts';

let standIn: GithubStandIn;
let github: Github;
beforeEach(async () => {
  standIn = await GithubStandIn.start();
  const key = createPrivateKey(standIn.appKey);
  const privateKey = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  github = await connectGithub({
    url: standIn.url,
    repository: standIn.repository,
    credentials: { appId: standIn.appId, privateKey },
    progress: silent,
    pace: unpaced,
  });
});
afterEach(() => standIn.close());

test('every kind of object can be made, read and changed', async () => {
  const sha = standIn.state.push({ 'README.md': 'hats\n' });
  const id = async (work: Promise<{ data: unknown }>) => ((await work).data as { id: number }).id;
  const output = { title: 't', summary: 's', text: 't' };
  await github.answer(async ({ rest, request }, at) => {
    await rest.issues.createLabel({ ...at, name: 'x', color: 'ffffff', description: 'd' });
    await rest.issues.listLabelsForRepo(at);
    await rest.issues.create({ ...at, title: 'x', body: 'd', labels: ['x'] });
    await rest.issues.listForRepo({ ...at, labels: 'x', state: 'all' });
    await rest.issues.update({ ...at, issue_number: 1, state: 'closed', state_reason: 'completed' });
    await rest.issues.createComment({ ...at, issue_number: 1, body: 'x' });
    await rest.issues.setLabels({ ...at, issue_number: 1, labels: ['y'] });
    const release = await id(rest.repos.createRelease({ ...at, tag_name: 't1', name: 'x', body: 'y' }));
    await rest.repos.listReleases(at);
    await rest.repos.getReleaseByTag({ ...at, tag: 't1' });
    await rest.repos.updateRelease({ ...at, release_id: release, body: 'z' });
    const upload = {
      ...at,
      release_id: release,
      name: 'a.json',
      data: '{}',
      headers: { 'content-type': 'application/json' },
    };
    const assets = 'POST /repos/{owner}/{repo}/releases/{release_id}/assets{?name,label}';
    const asset = await id(request(assets, upload));
    await rest.repos.listReleaseAssets({ ...at, release_id: release });
    await rest.repos.deleteReleaseAsset({ ...at, asset_id: asset });
    await rest.repos.createCommitStatus({ ...at, sha, state: 'success', context: 'c', description: 'd' });
    await rest.repos.listCommitStatusesForRef({ ...at, ref: sha });
    const check = { ...at, head_sha: sha, name: 'x', conclusion: 'success' as const, output };
    const run = await id(rest.checks.create({ ...check, status: 'completed' }));
    await rest.checks.listForRef({ ...at, ref: sha, check_name: 'x' });
    await rest.checks.update({ ...at, check_run_id: run, conclusion: 'failure' });
    return rest.rateLimit.get();
  });
  expect(standIn.violations).toEqual([]);
  const { issues, releases, statuses, checkRuns } = standIn.state;
  expect(issues).toMatchObject([{ state: 'closed', labels: ['y'], comments: ['x'] }]);
  expect(releases).toMatchObject([{ tag: 't1', body: 'z', assets: [] }]);
  expect([statuses[0]!.state, checkRuns[0]!.conclusion]).toEqual(['success', 'failure']);
});

test.each([
  ['a path that is not described', 'GET /repos/{owner}/{repo}/hats', {}],
  ['a parameter that is not described', 'GET /repos/{owner}/{repo}/pulls', { colour: 'red' }],
  ['a value that is not described', 'GET /repos/{owner}/{repo}/pulls', { state: 'ajar' }],
  ['a body without what it needs', 'POST /repos/{owner}/{repo}/pulls', { title: 'x' }],
  ['a body with more', 'POST /repos/{owner}/{repo}/issues', { title: 'x', colour: 'red' }],
])('%s is a violation', async (_name, route, fields) => {
  const asking = github.answer(({ request }, at) => request(route, { ...at, ...fields }));
  await expect(asking).rejects.toMatchObject({ code: 'GITHUB_REFUSED' });
  expect(standIn.violations).toHaveLength(1);
});
