/** The same lock, built under circumstances that must not show, gives the same manifest digest. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { buildDemo, cache, copyRecipes, demoRecipes, type CliOptions } from '../demo/recipes.ts';

const work = mkdtempSync(join(tmpdir(), 'milliner-reproducible-'));
const states: string[] = [work];
const freshState = () => {
  const state = mkdtempSync(join(cache, 'reproducible-'));
  states.push(state);
  return state;
};
afterAll(() => {
  for (const state of states) rmSync(state, { recursive: true, force: true });
});

const withUmask = (mask: string, ...more: string[]) => [
  'bash',
  '-c',
  `umask ${mask}; exec "$@"`,
  'sh',
  ...more,
];

/** Each in a state directory of its own, from nothing. */
const circumstances: [string, CliOptions][] = [
  ['as it is', {}],
  [
    'another time, zone, locale and host name, no umask, one worker thread',
    {
      wrap: withUmask(
        '000',
        'unshare',
        '--uts',
        'bash',
        '-c',
        'hostname elsewhere.example; exec "$@"',
        'sh',
        'faketime',
        '2031-02-03 04:05:06',
      ),
      env: { TZ: 'Pacific/Kiritimati', LC_ALL: 'C', LANG: 'de_DE.UTF-8', UV_THREADPOOL_SIZE: '1' },
    },
  ],
  [
    'the past, a narrow umask, many worker threads, one processor',
    {
      wrap: withUmask('077', 'taskset', '--cpu-list', '0', 'faketime', '2001-01-01 00:00:00'),
      env: { TZ: 'America/St_Johns', LC_ALL: 'tr_TR.UTF-8', UV_THREADPOOL_SIZE: '16', HOME: '/nonexistent' },
    },
  ],
  ['a loaded machine', { wrap: ['nice', '-n', '19', 'ionice', '-c', '3'], env: { TZ: 'Asia/Kathmandu' } }],
  [
    'another directory and user environment',
    { env: { USER: 'nobody', TMPDIR: '/var/tmp', SOURCE_DATE_EPOCH: '1' } },
  ],
];

test(`${circumstances.length} builds of each demo image are one`, () => {
  // The first build locks; the others are held to that lock.
  const recipes = copyRecipes(work);
  const [first, ...others] = circumstances.map(([name, options]) => {
    const state = freshState();
    const digests = demoRecipes.map((recipe) => {
      const path = join(recipes, `${recipe}.yaml`);
      return buildDemo(path, state, undefined, options).manifestDigest;
    });
    return { name, digests };
  });
  for (const { name, digests } of others) expect(digests, name).toEqual(first!.digests);
});
