/** What the tests have of the user who runs them, and how they name their own files. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../../../spec/places.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { kept, set } from '../../environment.ts';

test('nothing is set but what is kept or set on purpose', () => {
  const known = [...Object.keys(set), 'HOME', 'NPM_CONFIG_CACHE'];
  const others = Object.keys(process.env).filter((name) => !kept.some((pattern) => pattern.test(name)));
  expect(others.toSorted()).toEqual(known.toSorted());
  expect(process.env).toMatchObject(set);
});

test('the home is empty', () => {
  expect(readdirSync(process.env['HOME']!)).toEqual([]);
});

test('a program that Milliner starts has no home, and cannot make itself one', async () => {
  const { stdout, exitCode } = await run('sh', ['-c', 'echo "$HOME"; mkdir -p "$HOME"'], { allow: [0, 1] });
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '/proc/nonexistent\n' });
});

test('no path is the one of a URL, which keeps %20 for a space', () => {
  const sources = ['src', 'scripts', 'spec', 'test'].flatMap((folder) =>
    readdirSync(join(checkout, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(folder, name),
    ),
  );
  const wrong = sources.filter(
    (path) =>
      path.endsWith('.ts') &&
      /import\.meta\.url\)\s*\.pathname/.test(readFileSync(join(checkout, path), 'utf8')),
  );
  expect(wrong).toEqual([]);
});
