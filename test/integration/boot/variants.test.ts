/** Boots images that are broken, each in a way of its own, and images that only look so. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import type { Verdict } from '../../../src/stages/boot/verdict.ts';
import { copyRecipes } from '../../helpers/demo-recipes.ts';
import { cli } from '../../helpers/milliner.ts';
import { shareOfDay, soak } from '../../helpers/soak.ts';
import { leftovers } from '../../helpers/traces.ts';
import { brokenServices } from './broken-services.ts';
import { broken } from './broken.ts';
import { booted, type Variant } from './pieces.ts';
import { soundServices } from './sound-services.ts';
import { sound } from './sound.ts';

const controlCharacters = 'dies-with-control-characters';
/** Near to others, and in full with the long lists. */
const kin = new Set([
  'unit-restarts-once',
  'notifies-late',
  'unit-whose-condition-fails',
  'unit-that-requires-a-missing-one',
  'stops-answering',
  'check-program-fails',
  'check-program-hangs',
  'no-such-target',
  'init-ends',
  'missing-entrypoint',
  'entrypoint-without-its-interpreter',
  'entrypoint-that-may-not-run',
  'asks-a-terminal',
  'exits-with-another-code',
  'does-not-exit',
  'entrypoint-never-notifies',
  'leaves-zombies',
  'talks-in-one-line',
  'oneshot-that-is-over',
  'another-unit-is-skipped',
  'exit-code-that-counts-as-success',
  'timer-that-elapses',
  'answers-as-expected',
  'plain-program',
  'runs-to-an-expected-code',
  'numeric-user',
  'ends-by-the-signal',
  'nothing-of-its-own',
  ...[...brokenServices, ...soundServices].map(({ name }) => name),
]);
/** Few of these a day: they are near to each other. */
const daily = new Set(
  [...shareOfDay(brokenServices, 24), ...shareOfDay(soundServices, 32)].map(({ name }) => name),
);
/** A ninth of the others a day, and what a test of its own looks at. */
function sample<T extends Variant>(variants: T[]): T[] {
  const others = variants.filter(({ name }) => soak || !kin.has(name));
  const share = new Set(shareOfDay(others, 9));
  return variants.filter((one) => share.has(one) || daily.has(one.name) || one.name === controlCharacters);
}

let directory: string;
let recipes: string;
let state: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-variants-'));
  state = join(directory, 'state');
  recipes = copyRecipes(directory);
  await milliner(['build', join(recipes, 'demo-base.yaml')], 0);
});
afterAll(() => rm(directory, { recursive: true }));

async function milliner<T>(args: string[], exitCode: number): Promise<T> {
  const all = [cli, ...args, '--state', state, '--json'];
  const ended = await run(process.execPath, all, { cwd: directory, allow: [0, 11] });
  expect(ended.exitCode, ended.stdout).toBe(exitCode);
  return JSON.parse(ended.stdout) as T;
}

async function build({ name, recipe }: Variant): Promise<string> {
  const path = join(recipes, `${name}.yaml`);
  await writeFile(path, JSON.stringify({ name, from: 'demo-base', repos: ['demo'], ...recipe }));
  return (await milliner<{ manifestDigest: string }>(['build', path], 0)).manifestDigest;
}

/** What `boot` answers. */
type Answer = Verdict & { retries: number };

/** The verdict of that digest, which must be what the command has answered. */
async function expectKept(digest: string, { retries, ...verdict }: Answer): Promise<void> {
  expect(retries).toBe(0);
  expect(verdict.manifestDigest).toBe(digest);
  const path = join(state, 'verdicts', `${digest.replace('sha256:', '')}.json`);
  expect(existsSync(path)).toBe(true);
  expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject(verdict);
}

describe.concurrent('broken', () => {
  test.each(sample(broken))('$name: $cause', async ({ cause, ...variant }) => {
    const digest = await build(variant);
    const { error } = await milliner<{ error: { code: string; details: Answer } }>(
      ['boot', variant.name],
      11,
    );
    expect(error.code).toBe('BOOT_FAILED');
    expect(error.details.passed).toBe(false);
    expect([...new Set(error.details.causes.map(({ code }) => code))]).toEqual([cause]);
    await expectKept(digest, error.details);
  });
});

describe.concurrent('sound', () => {
  test.each(sample(sound))('$name', async (variant) => {
    const digest = await build(variant);
    const verdict = await milliner<Answer>(['boot', variant.name], 0);
    expect(verdict).toMatchObject({ passed: true, causes: [] });
    await expectKept(digest, verdict);
  });
});

/** Of one image, while as many processes spin as small hosts have processors. */
const loadedBoots = soak ? 200 : 2;
/** Milliseconds. */
const soakTime = 7_200_000;

test(
  `a sound image passes each of ${loadedBoots} boots beside two processes that spin`,
  async () => {
    const ready = ['sleep 0.5', 'systemd-notify --ready', 'sleep infinity'];
    const recipe = booted({ script: ready, service: ['Type=notify', 'NotifyAccess=all'] });
    await build({ name: 'loaded', recipe });
    const spinning = [1, 2].map(() => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
    try {
      for (let boots = 1; boots <= loadedBoots; boots++) {
        const { passed, causes, retries } = await milliner<Answer>(['boot', 'loaded'], 0);
        expect({ passed, causes, retries }).toEqual({ passed: true, causes: [], retries: 0 });
      }
    } finally {
      for (const process of spinning) process.kill('SIGKILL');
    }
  },
  soakTime,
);

test("systemd in nspawn: the base boots, and a unit's failure is told", async () => {
  const nspawn = ['--backend', 'nspawn'];
  const passed = await milliner<Answer>(['boot', 'demo-base', ...nspawn], 0);
  expect(passed).toMatchObject({ passed: true, host: { runtime: expect.stringMatching(/^nspawn /) } });
  await build({ ...broken.find(({ name }) => name === 'unit-exits')!, name: 'unit-exits-in-nspawn' });
  const { error } = await milliner<{ error: { details: Answer } }>(
    ['boot', 'unit-exits-in-nspawn', ...nspawn],
    11,
  );
  expect([...new Set(error.details.causes.map(({ code }) => code))]).toEqual(['unit-failed']);
});

test('what an image says reaches no terminal as control characters', async () => {
  const args = [cli, 'boot', controlCharacters, '--state', state];
  const { stdout, stderr } = await run(process.execPath, args, { allow: [11] });
  expect(stderr).toContain('owned');
  expect(`${stdout}${stderr}`).not.toMatch(/[^\P{Cc}\n]/u);
});

test('nothing of any of them is left', async () => {
  expect(await leftovers(directory, state)).toEqual([]);
});
