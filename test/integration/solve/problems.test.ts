/** What a problem says first: why, before all that follows from it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silent } from '../../../src/lib/host/progress.ts';
import { openRepository, type OpenedRepository } from '../../../src/stages/repo/repository.ts';
import { solve, type SolveRequest } from '../../../src/stages/solve/solve.ts';
import { repositoryOf, type Sample } from '../../helpers/solve/packages.ts';

const symbols = ['2.2.5', '2.3', '2.14', '2.34', '2.38'].map((version) => `libc.so.6(GLIBC_${version})`);
const samples: Sample[] = [
  { name: 'libc', version: '1', Provides: symbols },
  { name: 'libc', version: '2', Provides: symbols.slice(0, 4) },
  { name: 'shell', Requires: [...symbols, 'terminal'] },
  { name: 'terminal', Requires: [...symbols, 'gone >= 3'] },
  { name: 'old', Requires: [...symbols, 'libc = 1', 'both'] },
  { name: 'new', Requires: ['libc = 2'] },
  { name: 'both', Requires: symbols },
  { name: 'rival', Conflicts: 'shelf', Requires: symbols },
  { name: 'shelf', Requires: symbols },
];

let directory: string;
let repositories: OpenedRepository[];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'problems-'));
  const baseurl = await repositoryOf(directory, 'main', samples);
  const definition = { name: 'main', baseurl, keys: [], exclude: [], gpgcheck: false };
  repositories = [
    await openRepository(definition, join(directory, 'cache'), { arch: 'x86_64', progress: silent }),
  ];
});
afterAll(() => rm(directory, { recursive: true }));

async function problems(request: Partial<SolveRequest>): Promise<string[][]> {
  const error: unknown = await solve({
    arch: 'x86_64',
    repositories,
    install: [],
    weakDeps: false,
    ...request,
  }).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'SOLVE_FAILED' });
  return (error as { details: { problems: string[][] } }).details.problems;
}

test.each<[string, Partial<SolveRequest>, RegExp]>([
  ['nothing provides it', { install: ['shell'] }, /nothing provides gone >= 3 needed by terminal-1-1/],
  ['it is excluded', { install: ['shelf'], exclude: ['libc'] }, /package libc-\d-1.x86_64 is disabled/],
  ['two conflict', { install: ['rival', 'shelf'] }, /rival-1-1.x86_64 conflicts with shelf/],
  ['two of one name', { install: ['old', 'new'] }, /cannot install both libc-/],
])('%s', async (_what, request, cause) => {
  const [lines = []] = await problems(request);
  expect(lines[0]).toMatch(cause);
  // One line is enough of what one package wants of another.
  expect(lines.filter((line) => line.includes('libc.so.6(')).length).toBeLessThanOrEqual(
    new Set(lines.map((line) => /package (\S+) requires/.exec(line)?.[1])).size,
  );
  expect(new Set(lines).size).toBe(lines.length);
});
