/**
 * Every command's answer under --json and its exit code, as they were when the snapshot was made: what scripts rely on
 * changes with intent alone (vitest -u writes it anew). What is another in each run is left out: digests, times, numbers.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GithubStandIn } from '../../helpers/github/stand-in.ts';
import { checkout, Desk } from '../../helpers/milliner.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { RegistryServer } from '../../helpers/registry/registry-server.ts';

let desk: Desk;
let registry: RegistryServer;
let standIn: GithubStandIn;
let token: string;
beforeAll(async () => {
  desk = await Desk.open();
  registry = await RegistryServer.start();
  const ready = { exit: 0 };
  await desk.tiny('small', ['tiny-base'], {
    config: { entrypoint: ['/bin/sh', '-c', 'exit 0'] },
    test: { ready },
  });
  const stays = { entrypoint: ['/bin/sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'] };
  await desk.tiny('stays', ['tiny-base'], { config: stays, test: { settle: '1s' } });
  await desk.tiny('both', ['tiny-base'], { arches: ['x86_64', 'x86_64_v2'], ...runsToItsEnd });
  await desk.recipe('wrong', { packages: 3 });
  const set = { name: 'night', key: 'none.key', recipes: ['small'] };
  await writeFile(desk.path('recipes/milliner.yaml'), JSON.stringify(set));
  const shown = { ...set, name: 'shown', github: { repository: 'hats/images' } };
  await writeFile(desk.path('recipes/shown.yaml'), JSON.stringify(shown));
  await writeFile(desk.path('github.token'), 'a-token-of-the-tests', { mode: 0o600 });
  standIn = await GithubStandIn.start();
  standIn.state.push({ 'README.md': 'hats\n' });
  token = standIn.addToken();
  const github = { repository: standIn.repository, url: standIn.url };
  await mkdir(desk.path('.git'));
  await writeFile(desk.path('recipes/github.yaml'), JSON.stringify({ ...set, github }));
});
afterAll(async () => {
  await desk.run(['stop', '--all']);
  await registry.close();
  await standIn.close();
  await desk.remove();
});

const recipe = (name: string) => desk.path('recipes', `${name}.yaml`);
const key = () => desk.path('release.key');
const publicKey = () => desk.path('release.pub');
const reference = () => `${registry.host}/small:1`;
const indexReference = () => `${registry.host}/both:1`;

/** In this order: each may stand on those before. */
const commands: (() => string[])[] = [
  () => ['doctor'],
  () => ['init', 'fresh', '--directory', desk.path('fresh')],
  () => ['lock', recipe('small')],
  () => ['lock', recipe('small'), '--why', 'tiny-base'],
  () => ['lock', recipe('small'), '--why-not', 'no-such'],
  () => ['nightly', desk.path('recipes/milliner.yaml'), '--dry-run'],
  () => ['nightly', desk.path('none.yaml'), '--dry-run'],
  () => ['github', 'report', desk.path('recipes/milliner.yaml')],
  () => ['github', 'report', desk.path('recipes/shown.yaml'), '--token-file', publicKey()],
  () => ['github', 'report', desk.path('recipes/shown.yaml'), '--token-file', desk.path('github.token')],
  () => ['lock', recipe('wrong')],
  () => ['lock', 'no-such'],
  () => ['lock', 'diff', desk.path('recipes/small.lock.json'), desk.path('recipes/small.lock.json')],
  () => ['advisories', recipe('small')],
  () => ['build', recipe('small')],
  () => ['build', recipe('small'), '--check'],
  () => ['build', recipe('stays')],
  () => ['build', recipe('small'), '--no-such-flag'],
  () => ['inspect', 'small'],
  () => ['inspect', 'small', '--state-layer'],
  () => ['inspect', 'no-such'],
  () => ['diff', 'small', 'stays'],
  () => ['sbom', 'small'],
  () => ['sbom', 'small', '--format', 'cyclonedx'],
  () => ['publish', 'small', '--to', reference(), '--key', key()],
  () => ['key', 'generate', '--out', desk.path('release')],
  () => ['publish', 'small', '--to', reference(), '--key', key()],
  () => ['boot', 'small'],
  () => ['publish', 'small', '--to', reference(), '--key', key()],
  () => ['verify', reference(), '--key', publicKey()],
  () => ['verify', `${registry.host}/small:none`, '--key', publicKey()],
  () => ['images'],
  () => ['site', '--out', desk.path('site')],
  () => ['images', '--key', publicKey(), '--with', 'tiny-base >= 1'],
  () => ['images', '--with', 'tiny-base ='],
  () => ['retention', `${registry.host}/small`, '--rule', '*,keep=1', '--key', publicKey(), '--dry-run'],
  () => ['retention', `${registry.host}/small`, '--rule', '*', '--key', publicKey()],
  () => ['log', reference(), '--key', publicKey()],
  () => ['hold', reference(), '--key', key(), '--reason', 'freeze', '--until', '2999-01-01'],
  () => ['images', `${registry.host}/small`, '--key', publicKey()],
  () => ['promote', reference(), `${registry.host}/stable:1`, '--key', key()],
  () => ['promote', reference(), reference(), '--key', key()],
  () => ['rollback', reference(), '--key', key()],
  () => ['rollback', reference(), '--key', key(), '--to', 'no-digest'],
  () => ['unhold', reference(), '--key', key()],
  () => ['log', `${registry.host}/small:none`, '--key', publicKey()],
  () => ['policy', '--key', publicKey(), '--to', `${registry.host}/small`, '--out', desk.path('policy')],
  () => ['run', 'stays', '--detach'],
  () => ['ps'],
  () => ['logs', 'no-such'],
  () => ['exec', 'no-such', '--', 'true'],
  () => ['stop', '--all'],
  () => ['release', recipe('small'), '--to', `${registry.host}/{{name}}:2`, '--key', key()],
  () => ['worker', '--once'],
  () => ['queue', 'status'],
  () => ['queue', 'status', 'no-such'],
  () => ['queue', 'retry', 'no-such'],
  () => ['queue', 'cancel', 'no-such'],
  () => ['queue', 'clean'],
  () => ['queue', 'users'],
  () => ['dashboard', '--listen', '0.0.0.0:8117'],
  () => ['dashboard', '--listen', 'no-port'],
  () => ['dashboard', '--token-file', desk.path('none.token')],
  () => ['schedule', 'add', desk.path('recipes/milliner.yaml')],
  () => ['schedule', 'add', desk.path('recipes/milliner.yaml'), '--cron', '0 0 1 1 *'],
  () => ['schedule', 'list'],
  () => ['schedule', 'list', 'night'],
  () => ['schedule', 'list', 'no-such'],
  () => ['schedule', 'run', 'night'],
  () => ['schedule', 'run', 'no-such'],
  () => ['schedule', 'remove', 'night'],
  () => ['schedule', 'remove', 'night'],
  () => ['machine', 'show'],
  () => ['machine', 'enroll', 'no-token', '--for', 'build'],
  () => ['machine', 'list'],
  () => ['machine', 'dismiss', 'no-such'],
  () => ['revoke', reference(), '--key', key(), '--reason', 'a test'],
  () => ['verify', reference(), '--key', publicKey()],
  () => ['pool', 'status'],
  () => ['pool', 'check'],
  () => ['pool', 'grow'],
  () => ['pool', 'repair'],
  () => ['pool', 'remove'],
  () => ['pool', 'create'],
  () => ['metrics'],
  () => ['report', join(checkout, 'docs/examples/night.json')],
  () => ['report', join(checkout, 'docs/examples/night.json'), '--output', desk.path('night.txt')],
  () => ['report', desk.path('recipes')],
  () => ['github', 'check', desk.path('recipes/github.yaml')],
  () => ['github', 'check', desk.path('recipes/github.yaml'), '--boot'],
  () => ['github', 'check', desk.path('recipes/github.yaml'), '--token-file', desk.path('no-token')],
  () => ['github', 'pulls', desk.path('recipes/github.yaml')],
  () => ['github', 'pulls', desk.path('recipes/milliner.yaml')],
  () => ['gc'],
  () => ['build', recipe('both'), '--arch', 'x86_64_v2'],
  () => ['boot', 'both', '--arch', 'x86_64_v2'],
  () => ['publish', 'both', '--to', indexReference(), '--key', key()],
  () => ['build', recipe('both')],
  () => ['boot', 'both'],
  () => ['publish', 'both', '--to', indexReference(), '--key', key()],
  () => ['inspect', 'both', '--arch', 'x86_64_v2'],
  () => ['diff', 'both', 'both', '--arch', 'x86_64_v2'],
  () => ['verify', indexReference(), '--key', publicKey()],
  () => ['verify', indexReference(), '--key', publicKey(), '--arch', 'aarch64'],
  () => ['no-such-command'],
];

test('answers and exit codes are those of the snapshot', { timeout: 600_000 }, async () => {
  const told: object[] = [];
  for (const command of commands) {
    const args = command();
    const { code, stdout } = await desk.run([...args, '--json'], {
      env: { MILLINER_KEY_PASSWORD: 'a hat of felt', GITHUB_TOKEN: token },
    });
    told.push({ command: steady(args.join(' ')), exit: code, answer: shape(answerOf(stdout)) });
  }
  await expect(`${JSON.stringify(told, null, 2)}\n`).toMatchFileSnapshot('answers.json');
});

function answerOf(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return stdout;
  }
}

/** Of a list some of its forms, sorted: how many there are is the host's, and what comes by two pipes has no order. */
function shape(value: unknown): unknown {
  if (typeof value === 'string') return steady(value);
  if (typeof value === 'number') return '#';
  if (Array.isArray(value)) {
    const forms = value.map((one) => JSON.stringify(shape(one)));
    return [...new Set(forms)]
      .toSorted()
      .slice(0, 3)
      .map((form) => JSON.parse(form) as unknown);
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [steady(name), shape(one)]));
}

function steady(text: string): string {
  return text
    .replaceAll(desk.directory, 'DESK')
    .replaceAll(checkout, 'CHECKOUT')
    .replaceAll(registry.host, 'REGISTRY')
    .replaceAll(hostname(), 'HOST')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'UUID')
    .replaceAll(/[0-9a-f]{12,}/g, 'HEX')
    .replaceAll(/milliner-[0-9a-f]{8}-/g, 'milliner-HEX-')
    .replaceAll(/[A-Za-z0-9+/]{40,}={0,2}/g, 'BASE64')
    .replaceAll(/\d{4}-\d\d-\d\d/g, 'DAY')
    .replaceAll(/\d+(?:\.\d+)+\S*/g, 'VERSION');
}
