/** What credentials may do is told by scope and by permission, and nothing is changed for it. */
import { createPrivateKey } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectGithub } from '../../../src/github/connect.ts';
import type { Credentials } from '../../../src/github/github-credentials.ts';
import { checkAccess } from '../../../src/github/permissions.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { setSchema } from '../../../src/stages/recipe/set-schema.ts';
import { GithubStandIn } from '../../helpers/github/stand-in.ts';
import { unpaced } from '../../helpers/github/unpaced.ts';

let standIn: GithubStandIn;
beforeEach(async () => {
  standIn = await GithubStandIn.start();
  standIn.state.push({ 'README.md': 'hats\n' });
});
afterEach(async () => {
  expect(standIn.violations).toEqual([]);
  const { refs, issues, labels, statuses, checkRuns } = standIn.state;
  expect([[...refs.keys()], issues, labels, statuses, checkRuns]).toEqual([['heads/main'], [], [], [], []]);
  await standIn.close();
});

async function missing(credentials: Credentials, fields: object = {}): Promise<string[]> {
  const { url, repository } = standIn;
  const github = await connectGithub({ url, repository, credentials, progress: silent, pace: unpaced });
  const small = { name: 'night', recipes: ['base'], key: 'release.key' };
  const { github: settings } = setSchema.parse({ ...small, github: { repository, ...fields } });
  const { permissions } = await checkAccess(github, settings!, true);
  return permissions.filter(({ granted }) => !granted).map(({ permission }) => permission);
}

const app = (): Credentials => {
  const key = createPrivateKey(standIn.appKey);
  return {
    appId: standIn.appId,
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
};
const all = ['contents', 'pull_requests', 'issues', 'statuses', 'checks'];

test('a classic token: by its scopes; check runs are for Apps', async () => {
  expect(await missing({ token: standIn.addToken(['repo']) })).toEqual(['checks']);
  expect(await missing({ token: standIn.addToken(['read:org']) })).toEqual(all);
});

test('an App: by the permissions of its installation', async () => {
  expect(await missing(app())).toEqual([]);
  standIn.permissions = { metadata: 'read', contents: 'read', issues: 'write', checks: 'write' };
  expect(await missing(app())).toEqual(['contents', 'pull_requests', 'statuses']);
});

test('a token with fine-grained permissions: by what it is refused', async () => {
  expect(await missing({ token: standIn.addFineToken() })).toEqual(['checks']);
  const some = { metadata: 'read', contents: 'write', pull_requests: 'read', statuses: 'write' };
  expect(await missing({ token: standIn.addFineToken(some) })).toEqual(['pull_requests', 'issues', 'checks']);
});

test('what the set does not ask for is not missing', async () => {
  standIn.permissions = { metadata: 'read', contents: 'write', checks: 'write' };
  expect(await missing(app(), { pulls: false, issues: false, statuses: false })).toEqual([]);
});
