/** Nights on GitHub: releases, statuses and issues, each written once, repaired where a run was cut off. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { failureLabel } from '../../../src/github/failure-issues.ts';
import { failed, published, ReportScene } from './report-scene.ts';

let scene: ReportScene;
beforeEach(async () => {
  scene = await ReportScene.open();
});
afterEach(async () => {
  expect(scene.standIn.violations).toEqual([]);
  await scene.close();
});

const releases = () => scene.standIn.state.releases;
const issues = () => scene.standIn.state.issues.map(({ title, state }) => ({ title, state }));
const statuses = () =>
  scene.standIn.state.statuses.map(({ context, state, description }) => [context, state, description]);

const night = 'The night of hats failed';
const app = 'app of hats fails';

test('a first night makes a release for each image, the statuses, and no issue; a second run writes nothing', async () => {
  await scene.night(1, [published('base'), published('app', '6')]);
  const shown = await scene.report();
  expect(shown).toMatchObject({ repository: 'hats/images', nights: ['2026-11-01T02:00:00Z'], failures: [] });
  expect(shown.releases.map(({ recipe, tag }) => [recipe, tag])).toEqual([
    ['base', 'base-555555555555'],
    ['app', 'app-666666666666'],
  ]);
  expect(releases().map(({ tag, draft, assets }) => [tag, draft, assets.map(({ name }) => name)])).toEqual([
    ['base-555555555555', false, ['release.pub']],
    ['app-666666666666', false, ['release.pub']],
  ]);
  expect(statuses()).toEqual([
    ['milliner/hats/base', 'success', 'published as 555555555555'],
    ['milliner/hats/app', 'success', 'published as 666666666666'],
  ]);
  expect(issues()).toEqual([]);
  expect(scene.newWrites()).not.toEqual([]);

  expect(await scene.report()).toMatchObject({ nights: [], releases: [], writes: 0, failures: [] });
  expect(scene.newWrites()).toEqual([]);
});

test('a run that does not remember the first one writes nothing either', async () => {
  await scene.night(1, [published('base'), failed('app')]);
  await scene.report();
  scene.newWrites();
  await scene.forget();
  expect(await scene.report()).toMatchObject({ writes: 0, failures: [] });
  expect(scene.newWrites()).toEqual([]);
});

test('the tag of a release is made at the commit of the recipe', async () => {
  const commit = await scene.git('rev-parse', 'HEAD');
  await scene.night(1, [published('base')]);
  await scene.report();
  expect(releases()[0]).toMatchObject({ target: commit });
});

test('a default branch of another name is no matter', async () => {
  scene.standIn.state.rename('trunk');
  await scene.night(1, [published('base'), failed('app')]);
  expect((await scene.report()).failures).toEqual([]);
  expect(releases()).toHaveLength(1);
});

test('a night with nothing to do says what the tags name, and closes what was open', async () => {
  await scene.night(1, [failed('base'), failed('app')]);
  await scene.report();
  await scene.remember({ base: '5', app: '6' });
  await scene.report({}, scene.idleNight(2, ['base', 'app']));
  expect(issues().map(({ state }) => state)).toEqual(['closed', 'closed', 'closed']);
  expect(statuses().slice(-2)).toEqual([
    ['milliner/hats/base', 'success', 'published as 555555555555'],
    ['milliner/hats/app', 'success', 'published as 666666666666'],
  ]);
});

test('nights without GitHub are made up for, and the newest one decides statuses and issues', async () => {
  await scene.night(1, [published('base'), failed('app')]);
  await scene.night(2, [published('base', '7'), published('app', '8')]);
  await scene.report();
  expect(releases().map(({ tag }) => tag)).toEqual([
    'base-555555555555',
    'base-777777777777',
    'app-888888888888',
  ]);
  expect(issues()).toEqual([]);
  expect(statuses().at(-1)).toEqual(['milliner/hats/app', 'success', 'published as 888888888888']);
});

test('issues open with a failure, close with its end, and open again as the same ones', async () => {
  await scene.night(1, [published('base'), failed('app')]);
  await scene.report();
  expect(issues()).toEqual([
    { title: night, state: 'open' },
    { title: app, state: 'open' },
  ]);
  expect(scene.standIn.state.issues.every(({ labels }) => labels.includes(failureLabel))).toBe(true);
  expect(statuses().at(-1)).toEqual(['milliner/hats/app', 'failure', 'failed: BOOT_FAILED']);
  scene.newWrites();

  await scene.night(2, [published('base', '7'), published('app', '8')]);
  await scene.report();
  expect(issues().map(({ state }) => state)).toEqual(['closed', 'closed']);

  await scene.night(3, [{ ...published('base', '7'), outcome: 'unchanged' }, failed('app', 'SOLVE_FAILED')]);
  await scene.report();
  expect(issues()).toEqual([
    { title: night, state: 'open' },
    { title: app, state: 'open' },
  ]);
});

test('an image that was skipped or held leaves its issue as it is; a recipe that left the set has none', async () => {
  await scene.night(1, [failed('base'), failed('app')]);
  await scene.report();
  await scene.night(2, [
    published('base', '7'),
    { recipe: 'app', arches: ['x86_64'], outcome: 'held', hold: { reason: 'freeze' } },
  ]);
  await scene.report();
  expect(issues()).toEqual([
    { title: night, state: 'closed' },
    { title: 'base of hats fails', state: 'closed' },
    { title: app, state: 'open' },
  ]);
  await scene.night(3, [published('base', '8')]);
  await scene.report();
  expect(issues().at(-1)).toEqual({ title: app, state: 'closed' });
});

test('an issue of a stranger with the same title, and one with the label and another title, are no business of ours', async () => {
  const { state } = scene.standIn;
  const own = { body: '', stateReason: null, comments: [], author: 'stranger', state: 'open' as const };
  state.issues.push({ ...own, number: 1, title: app, labels: [] });
  state.issues.push({ ...own, number: 2, title: `${app}!`, labels: [failureLabel] });
  await scene.night(1, [published('base'), published('app')]);
  await scene.report();
  expect(state.issues.map((one) => one.state)).toEqual(['open', 'open']);
  await scene.night(2, [published('base', '7'), failed('app')]);
  await scene.report();
  expect(state.issues.map(({ title }) => title)).toEqual([app, `${app}!`, night, app]);
});

test('GitHub drops the label of one who may not set it: the issue would be opened again each night', async () => {
  scene.standIn.dropLabels = true;
  await scene.night(1, [failed('app')]);
  const { failures } = await scene.report();
  expect(failures.map(({ code }) => code)).toEqual(['GITHUB_DENIED']);
});

test('a recipe that was edited, or whose commit was not pushed, gets no status and is told', async () => {
  await scene.writeRecipe('app', { name: 'app', packages: ['a', 'b'] });
  await scene.night(1, [published('base'), published('app')]);
  const edited = await scene.report();
  expect(edited.failures).toMatchObject([{ code: 'GITHUB_COMMIT_MISSING', details: { recipes: ['app'] } }]);
  expect(statuses().map(([context]) => context)).toEqual(['milliner/hats/base']);
  expect(releases()).toHaveLength(2);
  const commit = await scene.commit(false);
  expect((await scene.report()).failures).toMatchObject([{ code: 'GITHUB_COMMIT_MISSING' }]);
  scene.pushCommit(commit);
  expect((await scene.report()).failures).toEqual([]);
  expect(statuses().map(([context]) => context)).toEqual(['milliner/hats/base', 'milliner/hats/app']);
  expect(scene.standIn.state.statuses.at(-1)).toMatchObject({ sha: commit });
});

test('what somebody has changed of a release is put right, and a file that people added stays', async () => {
  await scene.night(1, [published('base')]);
  await scene.report();
  const [release] = releases();
  const { assets } = release!;
  assets[0]!.content = Buffer.from(assets[0]!.content.toString().replace(/[A-Z]/, '*'));
  assets.push({ id: 7, name: 'notes.txt', contentType: 'text/plain', content: Buffer.from('mine') });
  Object.assign(release!, { body: 'Trust any key.' });
  await scene.forget();
  scene.newWrites();
  await scene.report();
  expect(scene.newWrites()).toEqual([
    'DELETE /releases/assets/N',
    'POST /releases/N/assets',
    'PATCH /releases/N',
  ]);
  expect(releases()[0]!.assets.map(({ name }) => name)).toEqual(['notes.txt', 'release.pub']);
  expect(releases()[0]!.body).not.toBe('Trust any key.');
});

test.each(['releases', 'statuses', 'issues'] as const)(
  'without %s nothing of them is asked',
  async (part) => {
    scene.settings = { ...scene.settings, [part]: false };
    await scene.night(1, [published('base'), failed('app')]);
    await scene.report();
    const { state, requests } = scene.standIn;
    expect(state[part]).toEqual([]);
    expect(requests.filter(({ path }) => path.split('/').includes(part))).toEqual([]);
  },
);

test('without nights there is nothing to ask', async () => {
  expect(await scene.report()).toMatchObject({ writes: 0, failures: [] });
  expect(scene.standIn.requests).toEqual([]);
});

test('without the public key of the set there is no release, and the rest goes on', async () => {
  await writeFile(join(scene.directory, 'release.pub'), 'no key\n');
  await scene.night(1, [published('base'), failed('app')]);
  const { failures } = await scene.report();
  expect(failures.map(({ code }) => code)).toEqual(['KEY_FILE_INVALID']);
  expect(releases()).toEqual([]);
  expect(issues()).toHaveLength(2);
});
