/** The commit of a recipe, as git says it, and nothing of a checkout's configuration runs to find it. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { recipeCommit } from '../../../src/github/recipe-commit.ts';
import { run } from '../../../src/lib/host/exec.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp('/var/tmp/milliner-commit-');
  await mkdir(join(directory, 'recipes'));
  await git('init', '--quiet');
  await write('one.yaml', 'a');
  await write('two.yaml', 'b');
});
afterEach(() => rm(directory, { recursive: true }));

const path = (name: string) => join(directory, 'recipes', name);
const write = (name: string, text: string) => writeFile(path(name), `${text}\n`);

async function git(...args: string[]): Promise<string> {
  const identity = ['-c', 'user.name=hatter', '-c', 'user.email=hatter@example.com'];
  return (await run('git', [...identity, ...args], { cwd: directory })).stdout.trim();
}

async function commit(): Promise<string> {
  await git('add', 'recipes');
  await git('commit', '--quiet', '--message', 'recipes');
  return git('rev-parse', 'HEAD');
}

test('is the last one that changed the recipe, whatever changed since', async () => {
  const first = await commit();
  await write('two.yaml', 'c');
  const second = await commit();
  expect([await recipeCommit(path('one.yaml')), await recipeCommit(path('two.yaml'))]).toEqual([
    first,
    second,
  ]);
});

test('does not exist for a recipe that was edited, is new, or lies outside of git', async () => {
  await commit();
  await write('one.yaml', 'edited');
  await write('three.yaml', 'new');
  expect(await recipeCommit(path('one.yaml'))).toBeUndefined();
  expect(await recipeCommit(path('three.yaml'))).toBeUndefined();
  await rm(join(directory, '.git'), { recursive: true });
  expect(await recipeCommit(path('two.yaml'))).toBeUndefined();
});

test('a name with the signs of a pattern means itself alone', async () => {
  await write('on*.yaml', 'x');
  const first = await commit();
  await write('one.yaml', 'c');
  await commit();
  expect(await recipeCommit(path('on*.yaml'))).toBe(first);
});

test('nothing runs that the configuration of the checkout names', async () => {
  const sha = await commit();
  const program = join(directory, 'program');
  const trace = join(directory, 'ran');
  await writeFile(program, `#!/bin/sh\ntouch ${trace}\n`);
  await chmod(program, 0o755);
  await writeFile(join(directory, 'recipes/.gitattributes'), '* filter=mine diff=mine\n');
  for (const key of [
    'core.fsmonitor',
    'core.pager',
    'core.sshCommand',
    'gpg.program',
    'filter.mine.clean',
    'filter.mine.process',
    'diff.mine.textconv',
    'diff.mine.command',
    'diff.external',
    'remote.origin.uploadpack',
    'alias.rev-list',
  ])
    await git('config', key, key.startsWith('alias') ? `!${program}` : program);
  await git('config', 'log.showSignature', 'true');
  await git('config', 'remote.origin.url', 'ssh://localhost/none');
  await git('config', 'remote.origin.promisor', 'true');
  await git('config', 'extensions.partialClone', 'origin');
  await git('config', 'core.repositoryFormatVersion', '1');
  expect(await recipeCommit(path('one.yaml'))).toBe(sha);
  // A missing object would be asked for at the remote.
  const tree = await git('rev-parse', 'HEAD:recipes');
  await rm(join(directory, '.git/objects', tree.slice(0, 2), tree.slice(2)));
  expect(await recipeCommit(path('one.yaml'))).toBeUndefined();
  expect(existsSync(trace)).toBe(false);
});
