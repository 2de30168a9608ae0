/** release, worker and queue through the command line, on the private Redis of a state directory. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acquire } from '../../../src/lib/host/locks.ts';
import type { ReleaseStatus } from '../../../src/queue/status.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { remains } from '../../helpers/remains.ts';
import { eventually, serversBelow, Workshop } from './queue-fixture.ts';

let workshop: Workshop;
let base: string;
let top: string;
beforeAll(async () => {
  workshop = await Workshop.open();
  base = await tiny('base', { release: '43' });
  top = await tiny('top', { from: 'base', files: [{ template: 'top.conf.hbs', path: '/etc/top.conf' }] });
  await writeFile(join(workshop.bench.desk.recipes, '..', 'templates', 'top.conf.hbs'), 'name={{name}}\n');
});
afterAll(() => workshop.close());

const tiny = async (name: string, fields: Record<string, unknown> = {}) => {
  const { desk } = workshop.bench;
  await mkdir(desk.path('templates'), { recursive: true });
  return desk.tiny(name, [name === 'top' ? 'tiny-app' : 'tiny-base'], { ...runsToItsEnd, ...fields });
};
const placeOf = (name: string) => ({ state: workshop.bench.desk.path(`state-${name}`) });
const templateOf = (place: string) => `${workshop.bench.server.host}/${place}/{{name}}:1`;

interface Released {
  releases: ReleaseStatus[];
}

async function nothingRuns({ state }: { state: string }): Promise<void> {
  expect(await remains({ directory: state, state })).toEqual([]);
  expect(await serversBelow(state)).toEqual([]);
}

test('release waits: bases first, whatever their order; what is published is what build and publish make', async () => {
  const place = placeOf('waits');
  const args = workshop.releasing([top, base], `${workshop.bench.server.host}/waits/{{name}}:{{date}}`);
  const { releases } = await workshop.json<Released>(args, place);
  expect(releases.map(({ recipe, state }) => [recipe, state])).toEqual([
    ['base', 'released'],
    ['top', 'released'],
  ]);
  const [one, other] = releases;
  expect(Date.parse(one!.finished!)).toBeLessThanOrEqual(Date.parse(other!.stages[0]!.started!));
  const built = await workshop.bench.desk.build(top);
  expect(other!.report!.images).toMatchObject([{ manifestDigest: built.manifestDigest, arch: 'x86_64' }]);
  const today = new Date().toISOString().slice(0, 10).replaceAll('-', '');
  expect(other!.report!.references).toEqual([`${workshop.bench.server.host}/waits/top:${today}`]);
  const verified = ['verify', other!.report!.references[0]!, '--key', workshop.bench.publicKey];
  expect(await workshop.json(verified)).toMatchObject({ manifestDigest: built.manifestDigest });
  await nothingRuns(place);
});

test('the same again is nothing new to the registry, but a release of its own', async () => {
  const place = placeOf('waits');
  const before = await workshop.stored('waits/base');
  const args = workshop.releasing([base], `${workshop.bench.server.host}/waits/{{name}}:{{date}}`);
  const { releases } = await workshop.json<Released>(args, place);
  expect(releases[0]!.report).toMatchObject({ uploadedBytes: 0 });
  expect(await workshop.stored('waits/base')).toEqual(before);
  expect((await workshop.status(place)).releases).toHaveLength(3);
});

test('queued twice is once, until it has ended; a changed recipe, or another place, is another release; two workers on one state share the work', async () => {
  const place = placeOf('twice');
  const [first] = await workshop.queue([base], templateOf('twice'), place);
  expect(await workshop.queue([base], templateOf('twice'), place)).toEqual([first]);
  expect(await workshop.queue([base], templateOf('elsewhere'), place)).not.toEqual([first]);
  const text = await readFile(base, 'utf8');
  await writeFile(base, `${text}values: { hat: felt }\n`);
  const changed = await workshop.queue([base], templateOf('twice'), place);
  await writeFile(base, text);
  expect(changed).not.toEqual([first]);
  expect((await workshop.status(place)).releases.map(({ state }) => state)).toEqual([
    'queued',
    'queued',
    'queued',
  ]);
  // One worker could do it all before the other has started: no build goes on until both have begun something.
  const builds = await acquire(join(place.state, 'locks', 'build-base'), 'exclusive');
  const workers = [1, 2].map(() => workshop.worker(['--once', '--jobs', '1'], place));
  for (const worker of workers) await worker.says(({ message }) => message.startsWith('begins'));
  await builds.close();
  for (const worker of workers) expect((await worker.ended).exitCode).toBe(0);
  expect((await workshop.status(place)).releases.map(({ state }) => state)).toEqual(
    expect.arrayContaining(['released', 'released', 'released']),
  );
  expect(await workshop.queue([base], templateOf('twice'), place)).not.toEqual([first]);
  await nothingRuns(place);
});

test('a release waits for that of its base; each line of the log says what it is about, and the same is kept with the job', async () => {
  const place = placeOf('after');
  const [first] = await workshop.queue([base], templateOf('after'), place);
  const [second] = await workshop.queue([top], templateOf('after'), place);
  const worker = workshop.worker(['--once'], place);
  const { waitsFor } = await eventually(async () => {
    const one = await workshop.json<ReleaseStatus>(['queue', 'status', second!], place);
    return one.waitsFor === undefined ? undefined : one;
  });
  expect(waitsFor).toBe(first);
  expect((await worker.ended).exitCode).toBe(0);
  const order = worker.lines.filter(({ message }) => message.startsWith('released as'));
  expect(order.map(({ release }) => release)).toEqual([first, second]);
  const status = await workshop.json<ReleaseStatus>(['queue', 'status', first!], place);
  expect(status.stages.map(({ stage, state }) => [stage, state])).toEqual([
    ['lock', 'done'],
    ['build', 'done'],
    ['sign', 'done'],
    ['publish', 'done'],
  ]);
  const about = { release: first, recipe: 'base', run: status.run };
  for (const { job, logs } of status.stages) {
    const told = worker.lines.filter((line) => line.job === job);
    expect(told.length).toBeGreaterThan(1);
    for (const line of told) expect(line).toMatchObject(about);
    expect(logs!.map((line) => line.slice(line.indexOf(' ') + 1))).toEqual(
      told.map(({ message }) => message),
    );
  }
  const { stdout } = await workshop.ends(['queue', 'status', first!], place);
  expect(stdout).toContain('pushing base');
  expect(await workshop.json(['queue', 'clean', '--older-than', '1'], place)).toEqual({ removed: [] });
  const cleaned = await workshop.json<{ removed: string[] }>(['queue', 'clean'], place);
  expect(cleaned.removed.toSorted()).toEqual([first, second]);
  expect((await workshop.status(place)).releases).toEqual([]);
});

test('high priority goes first; what nobody takes is shown as such', async () => {
  const place = placeOf('alone');
  const recipes = await Promise.all(['p1', 'p2'].map((name) => tiny(name)));
  const ids = await workshop.queue(recipes, templateOf('alone'), place, '--priority', 'low');
  const urgent = await workshop.queue([await tiny('p3')], templateOf('alone'), place, '--priority', 'high');
  const env = { MILLINER_KEY_PASSWORD: 'wrong' };
  const worker = workshop.worker(['--once', '--jobs', '1'], { ...place, env });
  expect((await worker.ended).exitCode).toBe(0);
  expect(
    worker.lines.some(({ level, message }) => level === 'warn' && message.startsWith('does not sign')),
  ).toBe(true);
  const builds = worker.lines.filter(
    ({ job, message }) => /\.build\./.test(job ?? '') && message.startsWith('begins'),
  );
  expect(builds[0]!.release).toBe(urgent[0]);
  expect(new Set(builds.map(({ release }) => release))).toEqual(new Set([...ids, ...urgent]));
  expect(builds).toHaveLength(3);
  for (const { stages } of (await workshop.status(place)).releases) {
    expect(stages.at(-1)).toMatchObject({ stage: 'sign', state: 'queued', unserved: /^sign-/ });
  }
  expect((await workshop.worker(['--once'], place).ended).exitCode).toBe(0);
  const { releases } = await workshop.status(place);
  expect(releases.map(({ state }) => state)).toEqual(['released', 'released', 'released']);
});

test('Ctrl-C ends the waiting and hands back what runs; released again, it goes on with what is there', async () => {
  const place = placeOf('interrupted');
  const child = workshop.start(workshop.releasing([top, base], templateOf('interrupted')), place);
  let told = '';
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
  await eventually(async () => (told.includes('installing') ? true : undefined));
  process.kill(child.pid!, 'SIGINT');
  const { exitCode } = await child;
  expect(exitCode).toBe(130);
  expect(told).toContain('stays in the queue');
  await nothingRuns(place);
  const args = workshop.releasing([top, base], templateOf('interrupted'));
  const { releases } = await workshop.json<Released>(args, place);
  expect(releases.map(({ release, state }) => [release, state])).toEqual([
    ['base-1', 'released'],
    ['top-2', 'released'],
  ]);
  await nothingRuns(place);
});

test('what cannot be released is said before anything is queued', async () => {
  const place = placeOf('refused');
  const { host } = workshop.bench.server;
  const fails = async (args: string[], env: Record<string, string> = {}) => {
    const { code, stdout } = await workshop.ends([...args, '--json'], { ...place, env });
    return [code, (JSON.parse(stdout) as { error: { code: string } }).error.code];
  };
  expect(await fails(workshop.releasing([base, top], `${host}/one:1`))).toEqual([2, 'USAGE']);
  expect(await fails(workshop.releasing([base], `${host}/one`))).toEqual([3, 'REFERENCE_INVALID']);
  expect(await fails(workshop.releasing([base], `${host}/{{nme}}:1`))).toEqual([3, 'REFERENCE_INVALID']);
  expect(await fails(['release', base, '--key', workshop.bench.key])).toEqual([2, 'USAGE']);
  expect(await fails(workshop.releasing(['nothing'], templateOf('x')))).toEqual([3, 'RECIPE_NOT_FOUND']);
  const args = workshop.releasing([base], templateOf('x'));
  expect(await fails(args, { MILLINER_KEY_PASSWORD: 'wrong' })).toEqual([3, 'KEY_FILE_INVALID']);
  expect(await fails(['queue', 'status', 'base-1'])).toEqual([3, 'RELEASE_NOT_FOUND']);
  expect(await fails(['queue', 'retry'])).toEqual([2, 'USAGE']);
  expect(await workshop.status(place)).toEqual({ releases: [], workers: [], schedules: [] });
});

test('the private Redis goes when nobody needs it, and comes back with all it had', async () => {
  const place = placeOf('server');
  await workshop.queue([base], templateOf('server'), place);
  expect(await serversBelow(place.state)).toEqual([]);
  const [one, two] = await Promise.all([workshop.status(place), workshop.status(place)]);
  expect(one).toEqual(two);
  expect(one.releases).toHaveLength(1);
  expect(await serversBelow(place.state)).toEqual([]);
  await rm(join(place.state, 'queue'), { recursive: true });
  expect((await workshop.status(place)).releases).toEqual([]);
});
