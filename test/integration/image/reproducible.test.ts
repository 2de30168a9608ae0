/** The same lock, built under circumstances that must not show, gives the same manifest digest. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { buildDemo, cache, copyRecipes, demoRecipes, type CliOptions } from '../../helpers/demo-recipes.ts';
import { shareOfDay, soak, today } from '../../helpers/soak.ts';

const work = mkdtempSync(join(tmpdir(), 'milliner-reproducible-'));
const states: string[] = [work];
const freshState = (name = '') => {
  const state = mkdtempSync(join(cache, 'reproducible-'));
  states.push(state);
  return join(state, name);
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

interface Circumstances extends CliOptions {
  /** Of the state directory, below its own place. */
  place?: string;
  /** What has been built there before. */
  before?: (recipes: string, state: string) => void;
}

/** Frames and layers are there, laid out in another way. */
function buildInFewLayers(recipes: string, state: string): void {
  const base = parse(readFileSync(join(recipes, 'demo-base.yaml'), 'utf8')) as object;
  const other = join(recipes, 'few.yaml');
  writeFileSync(other, stringify({ ...base, name: 'few', layers: { max: 6 } }));
  buildDemo(other, state);
}

/** Each in a state directory of its own, from nothing. */
const circumstances: [string, Circumstances][] = [
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
];
const more: [string, Circumstances][] = [
  ['a loaded machine', { wrap: ['nice', '-n', '19', 'ionice', '-c', '3'], env: { TZ: 'Asia/Kathmandu' } }],
  [
    'another directory and user environment',
    { env: { USER: 'nobody', TMPDIR: '/var/tmp', SOURCE_DATE_EPOCH: '1' } },
  ],
  ['a store of another name', { place: `Стан ${'long '.repeat(20)}'quoted' %20` }],
  ['what a build with another plan has left', { before: buildInFewLayers }],
  [
    'settings that other programs would listen to',
    {
      env: {
        GZIP: '-9',
        MALLOC_PERTURB_: '85',
        POSIXLY_CORRECT: '1',
        RPM_CONFIGDIR: '/nonexistent',
        TAR_OPTIONS: '--owner=nobody',
        ZSTD_CLEVEL: '19',
        ZSTD_NBTHREADS: '4',
      },
    },
  ],
  [
    'few open files, and a host name that is as long as can be',
    {
      wrap: [
        'unshare',
        '--uts',
        'bash',
        '-c',
        `hostname ${'h'.repeat(64)}; ulimit -n 256; exec "$@"`,
        'sh',
        'faketime',
        '2037-12-31 23:59:58',
      ],
    },
  ],
];
/** As it is and in one other way, the base and one image on it: in four days each with each. */
const [asItIs, ...disguised] = circumstances;
const chosen = [asItIs!, ...shareOfDay(disguised, 2), ...(soak ? more : [])];
const built = demoRecipes.filter(
  (_, index) => soak || index === 0 || index === 1 + (Math.floor(today / 2) % 2),
);

test(`${chosen.length} builds of each demo image are one`, () => {
  // The first build locks; the others are held to that lock.
  const recipes = copyRecipes(work);
  const [first, ...others] = chosen.map(([name, options]) => {
    const state = freshState(options.place);
    options.before?.(recipes, state);
    const digests = built.map((recipe) => {
      const path = join(recipes, `${recipe}.yaml`);
      return buildDemo(path, state, undefined, options).manifestDigest;
    });
    return { name, digests };
  });
  for (const { name, digests } of others) expect(digests, name).toEqual(first!.digests);
});
