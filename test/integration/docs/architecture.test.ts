/** The walks of docs/architecture.md pass functions that are where it says. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../../../spec/places.ts';

const page = readFileSync(join(checkout, 'docs/architecture.md'), 'utf8');
const walks = page
  .split(/^## /m)
  .filter((section) => section.startsWith('From '))
  .map((section): [title: string, steps: string[]] => {
    const [title = '', ...lines] = section.split('\n');
    return [title, lines.filter((line) => /^\d\. /.test(line))];
  });

test('there are nine walks', () => {
  expect(walks.map(([title]) => title)).toEqual([
    'From a recipe to a digest',
    'From an RPM to a frame to a layer',
    'From a digest to a tag',
    'From a rule to a deleted image',
    'From a release to its stages',
    'From a night to its images',
    'From a lock to a pull request',
    'From a schedule to a night',
    'From a night to GitHub',
  ]);
});

test.each(walks)('%s', (_title, steps) => {
  expect(steps.length).toBeGreaterThan(0);
  expect(steps.length).toBeLessThanOrEqual(10);
  for (const step of steps) {
    const passed = [...step.matchAll(/`(\w+)` of `([^`]+)`/g)];
    expect(passed.length, step).toBeGreaterThan(0);
    for (const [, name, path] of passed) {
      const source = readFileSync(join(checkout, path!), 'utf8');
      const declared = new RegExp(`(?:\\bfunction\\*? |^  (?:async |readonly )?)${name}\\b`, 'm');
      expect(source, `${name} of ${path}`).toMatch(declared);
    }
  }
});

test('every place that it names is there', () => {
  const named = [...page.matchAll(/`((?:src|native|scripts|spec|test|docs)(?:\/[^`*]+)?)`/g)].map(
    ([, path]) => path!,
  );
  expect(named.filter((path) => !existsSync(join(checkout, path)))).toEqual([]);
});
