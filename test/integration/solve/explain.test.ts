import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silent } from '../../../src/lib/host/progress.ts';
import { openRepository, type OpenedRepository } from '../../../src/stages/repo/repository.ts';
import { solve, solveAbsence, type SolveRequest } from '../../../src/stages/solve/solve.ts';
import { repositoryOf } from '../../helpers/solve/packages.ts';
import { mainSamples, updateSamples } from '../../helpers/solve/samples.ts';

let directory: string;
let repositories: OpenedRepository[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'explain-'));
  const samples = { main: mainSamples, updates: updateSamples };
  repositories = await Promise.all(
    Object.entries(samples).map(async ([name, packages]) => {
      const baseurl = await repositoryOf(directory, name, packages);
      const definition = { name, baseurl, keys: [], exclude: [], gpgcheck: false };
      return openRepository(definition, join(directory, 'cache'), { arch: 'x86_64', progress: silent });
    }),
  );
});
afterAll(() => rm(directory, { recursive: true }));

const request = (more: Partial<SolveRequest>): SolveRequest => ({
  arch: 'x86_64',
  repositories,
  install: [],
  weakDeps: false,
  ...more,
});

test('each package has a reason, and each chain of reasons ends in what was asked for', async () => {
  const { reasons, packages } = await solve(request({ install: ['app', 'plug'], explain: true }));
  expect([...reasons]).toEqual([
    ['app-1-1.x86_64', { kind: 'asked', dependency: 'app' }],
    ['extra-1-1.x86_64', { kind: 'requires', by: 'app-1-1.x86_64', dependency: '(extra if plug)' }],
    ['lib-1:3-1.x86_64', { kind: 'requires', by: 'app-1-1.x86_64', dependency: 'libx >= 2' }],
    ['plug-1-1.x86_64', { kind: 'asked', dependency: 'plug' }],
    ['tool-10-1.x86_64', { kind: 'requires', by: 'app-1-1.x86_64', dependency: '/usr/bin/tool' }],
    ['web-a-2-1.x86_64', { kind: 'requires', by: 'app-1-1.x86_64', dependency: '(web-a or web-b)' }],
  ]);
  expect(reasons.size).toBe(packages.length);
});

test('weak dependencies, groups and successors are reasons too', async () => {
  const weak = await solve(request({ members: [{ name: 'polite' }], weakDeps: true, explain: true }));
  expect(Object.fromEntries(weak.reasons)).toEqual({
    'polite-1-1.x86_64': { kind: 'asked', dependency: 'polite' },
    'thanks-1-1.x86_64': { kind: 'recommends', by: 'polite-1-1.x86_64', dependency: 'thanks' },
    'shadow-1-1.x86_64': { kind: 'supplements', by: 'polite-1-1.x86_64', dependency: 'polite' },
  });
  const successor = await solve(request({ install: ['old'], explain: true }));
  expect([...successor.reasons]).toEqual([['new-2-1.x86_64', { kind: 'asked', dependency: 'old' }]]);
  expect((await solve(request({ install: ['app'] }))).reasons.size).toBe(0);
});

test.each([
  [{ install: ['app'] }, 'lib', { kind: 'present', by: ['lib-1:3-1.x86_64'] }],
  [{ install: ['app'] }, 'nothing-here', { kind: 'unknown', candidates: [] }],
  [{ install: ['app'] }, 'foreign', { kind: 'unknown' }],
  [{ install: ['app'], exclude: ['plug'] }, 'plug', { kind: 'excluded', candidates: [{ name: 'plug' }] }],
  [{ install: ['app'] }, 'lib-9', { kind: 'version', by: ['lib-1:3-1.x86_64'], detail: 'newer' }],
  [{ install: ['lib-9'] }, 'lib-1:3', { kind: 'version', by: ['lib-9-1.x86_64'], detail: 'needed' }],
  [{ install: ['new'] }, 'old', { kind: 'replaced', by: ['new-2-1.x86_64'] }],
  [{ install: ['red'] }, 'blue', { kind: 'refused', by: [] }],
  [{ install: ['red'] }, 'broken', { kind: 'refused' }],
  [{ install: ['polite'] }, 'thanks', { kind: 'weak', by: ['polite-1-1.x86_64'], dependency: 'thanks' }],
  [{ install: ['polite'] }, 'shadow', { kind: 'weak', by: ['polite-1-1.x86_64'], dependency: 'polite' }],
  [{ install: ['app'] }, 'ring-a', { kind: 'unneeded' }],
  [{ install: ['app'] }, '/usr/share/data/file', { kind: 'unneeded', candidates: [{ name: 'data' }] }],
] as const)('%j: why not %s', async (asked, word, expected) => {
  expect(await solveAbsence(request(asked as Partial<SolveRequest>), word)).toMatchObject(expected);
});
