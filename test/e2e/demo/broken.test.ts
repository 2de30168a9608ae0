/** Packages that must not get into an image, on a real base, from the repository's broken/ folder: each by name. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildDemo, cache, checkout, copyRecipes, runCli } from '../../helpers/demo-recipes.ts';
import { shareOfDay } from '../../helpers/soak.ts';

const state = join(cache, 'state');
const repository = join(cache, 'repository');
const work = mkdtempSync(join(tmpdir(), 'milliner-broken-'));
const key = join(repository, 'keys/RPM-GPG-KEY-milliner-demo');

beforeAll(() => {
  buildDemo(join(copyRecipes(work), 'demo-base.yaml'), state);
});
afterAll(() => {
  runCli(['rmi', 'with-private-key', '--state', state]);
  rmSync(work, { recursive: true });
});

function recipeWith(name: string): string {
  const path = join(work, 'recipes', `with-${name}.yaml`);
  const broken = { name: 'broken', baseurl: join(repository, 'broken', name), keys: [key] };
  const recipe = {
    name: `with-${name}`,
    from: 'demo-base',
    repos: ['demo', broken],
    packages: [`demo-${name}`],
  };
  writeFileSync(path, JSON.stringify(recipe));
  return path;
}

interface Failure {
  code: string;
  message: string;
  details?: { packages?: { package: string; problem: string }[] };
}

function failureOf(name: string): Failure {
  const args = ['dist/cli.js', 'build', recipeWith(name), '--state', state, '--json'];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: checkout, encoding: 'utf8' });
  expect(status).not.toBe(0);
  return (JSON.parse(stdout) as { error: Failure }).error;
}

/** The reader of signatures has tests of its own for each of these. */
const badlySigned = [
  ['unsigned', 'unsigned'],
  ['wrong-key', 'unknown-key'],
  ['v6-signed', 'v6-only'],
  ['bit-flipped', 'bad-digest'],
  ['truncated', 'truncated'],
] as const;
test.each(shareOfDay(badlySigned, 3))('a package that is %s is refused by name', (name, problem) => {
  const { code, details } = failureOf(name);
  expect(code).toBe('SIGNATURE_INVALID');
  expect(details?.packages).toMatchObject([{ package: `demo-${name}-1-1.noarch`, problem }]);
});

test.each(shareOfDay(['scriptlet-fails', 'network', 'escape'], 3))(
  '%s ends as a failed scriptlet, by name',
  (name) => {
    const { code, message } = failureOf(name);
    expect(code).toBe('SCRIPTLET_FAILED');
    expect(message).toContain(`demo-${name}-1-1.noarch`);
    expect(existsSync('/escaped')).toBe(false);
  },
);

test('a file of an owner that nobody made is refused by path and package', () => {
  const { code, message } = failureOf('unknown-owner');
  expect(code).toBe('OWNER_UNKNOWN');
  expect(message).toContain('demo-unknown-owner-1-1.noarch');
});

test('a private key that a scriptlet leaves is removed and reported with its package', () => {
  buildDemo(recipeWith('private-key'), state);
  const { report } = JSON.parse(runCli(['inspect', 'with-private-key', '--state', state, '--json'])) as {
    report: { removedKeys: { path: string; package: string }[] };
  };
  expect(report.removedKeys).toMatchObject([
    { path: '/etc/pki/demo/private.key', package: 'demo-private-key-1-1.noarch' },
  ]);
});
