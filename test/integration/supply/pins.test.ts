/** What is fetched to build, test and run Milliner is named by its content, and runs nothing while it is installed. */
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkout } from '../../../spec/places.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { unpinned } from './workflow.ts';

const commit = 'a'.repeat(40);
const digest = `sha256:${'b'.repeat(64)}`;
const step = (uses: string) => `jobs:\n  one:\n    steps:\n      - uses: ${uses}\n`;

describe('a workflow', () => {
  test.each([
    ['a tag', step('actions/checkout@v4')],
    ['a branch', step('actions/checkout@main')],
    ['a short commit', step(`actions/checkout@${commit.slice(0, 12)} # v4.0.0`)],
    ['a commit without its version', step(`actions/checkout@${commit}`)],
    ['no version at all', step('actions/checkout')],
    ['an image by tag', step('docker://alpine:3')],
    ['an action below a repository', step('github/codeql-action/init@v3')],
    ['a quoted one', step(`"actions/checkout@v4"`)],
    ['one in flow style', 'jobs: { one: { steps: [{ uses: actions/checkout@v4 }] } }'],
    ['a workflow of others', 'jobs:\n  one:\n    uses: others/shared/.github/workflows/all.yml@main\n'],
    ['a container by tag', 'jobs:\n  one:\n    container: debian:12\n'],
    ['a container with options', 'jobs:\n  one:\n    container:\n      image: debian:12\n'],
    ['a service', 'jobs:\n  one:\n    services:\n      redis:\n        image: redis\n'],
  ])('with %s is not pinned', (_, workflow) => {
    expect(unpinned(workflow)).toHaveLength(1);
  });

  test.each([
    ['a commit', step(`actions/checkout@${commit} # v4.3.1`)],
    ['an action of its own', step('./.github/actions/mine')],
    ['an image', step(`docker://alpine@${digest}`)],
    ['a container', `jobs:\n  one:\n    container:\n      image: debian:12@${digest}\n`],
  ])('with %s is', (_, workflow) => {
    expect(unpinned(workflow)).toEqual([]);
  });
});

test('our workflows are pinned', async () => {
  const folder = join(checkout, '.github');
  const names = (await readdir(folder, { recursive: true })).filter((name) => /\.ya?ml$/.test(name));
  expect(names).not.toEqual([]);
  for (const name of names)
    expect([name, unpinned(await readFile(join(folder, name), 'utf8'))]).toEqual([name, []]);
});

test('npm runs no script of a package that it installs, wherever it is called from', async () => {
  const env = { HOME: tmpdir() };
  const { stdout } = await run('npm', ['config', 'get', 'ignore-scripts'], { cwd: checkout, env });
  expect(stdout.trim()).toBe('true');
});

test('every command that installs packages says so too: what the environment sets is stronger than the file', async () => {
  const { stdout } = await run('git', ['-c', `safe.directory=${checkout}`, 'ls-files'], { cwd: checkout });
  const texts = stdout.split('\n').filter((name) => /\.(?:sh|ya?ml|json|md|ts)$|^\.ci\//.test(name));
  const commands = texts.flatMap((name) =>
    readFileSync(join(checkout, name), 'utf8')
      .split('\n')
      .filter((line) => /\bnpm (?:ci|i|install|add|update|rebuild)\b/.test(line))
      .map((line) => `${name}: ${line.trim()}`),
  );
  const installing = commands.filter((line) => !line.startsWith('test/integration/supply/'));
  expect(installing).not.toEqual([]);
  expect(installing.filter((line) => !line.includes('--ignore-scripts'))).toEqual([]);
});

interface Lock {
  packages: Record<string, { integrity?: string; link?: boolean; hasInstallScript?: boolean }>;
}

test('the lock names every package by its content, and those with a script have a way without it', async () => {
  const { packages } = JSON.parse(await readFile(join(checkout, 'package-lock.json'), 'utf8')) as Lock;
  const others = Object.entries(packages).filter(([path]) => path !== '');
  expect(others.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([]);
  const scripted = others.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path);
  // fsevents is macOS's; msgpackr does in JavaScript what its addon would, which comes built.
  expect(scripted.filter((path) => !/\/(?:fsevents|msgpackr-extract)$/.test(path))).toEqual([]);
  const { scripts } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const own = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish'];
  expect(Object.keys(scripts).filter((name) => own.includes(name))).toEqual([]);
});
