/**
 * kill -9 of the nightly command, and of the worker that it waits for, at points that are spread over a night: the next run
 * completes the same plan, and each tag moves once.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LineSplitter } from '../../../src/lib/host/lines.ts';
import { shareOfDay } from '../../helpers/soak.ts';
import { livingOf, descendantsOf } from '../../helpers/remains.ts';
import { NightScene, outcomes } from './night-scene.ts';

const names = ['base', 'product'];
let scene: NightScene;
let version = 1;
/** Lines of progress of a night that nothing disturbs. */
let lineCount = 0;

beforeAll(async () => {
  scene = await NightScene.open();
  await scene.offer([{ name: 'lib-a', version }]);
  await scene.recipe('base', ['lib-a']);
  await scene.recipe('product', [], { from: 'base' });
  await scene.set({ recipes: names });
  await scene.night();
  await update();
  lineCount = (await killedAt(Infinity)).lines;
});
afterAll(() => scene.close());

async function update(): Promise<void> {
  await scene.offer([{ name: 'lib-a', version: ++version }]);
}

/** Starts a night, and kills it when it has told so many lines. */
async function killedAt(point: number): Promise<{ lines: number; code: number | undefined }> {
  const night = scene.startNight();
  let lines = 0;
  let started: Promise<Awaited<ReturnType<typeof descendantsOf>>> | undefined;
  const splitter = new LineSplitter(() => {
    if (++lines < point || started) return;
    started = descendantsOf(night.pid!);
    void started.then(() => night.kill('SIGKILL'));
  });
  night.stderr.on('data', (chunk: Buffer) => splitter.push(chunk));
  const { exitCode } = await night;
  if (started) await eventuallyGone(await started);
  return { lines, code: exitCode };
}

async function eventuallyGone(processes: Awaited<ReturnType<typeof descendantsOf>>): Promise<void> {
  // The Redis of the state lives on for the next run.
  const living = async () => (await livingOf(processes)).filter((one) => !one.includes('redis-server'));
  await expect.poll(living, { timeout: 60_000, interval: 200 }).toEqual([]);
}

async function publishedMoves(name: string): Promise<string[]> {
  const { moves } = await scene.bench.run<{ moves: { reason: string; to: string }[] }>([
    'log',
    `${scene.bench.server.host}/${name}:1`,
    '--key',
    scene.bench.publicKey,
  ]);
  expect(new Set(moves.map(({ reason }) => reason))).toEqual(new Set(['published']));
  return moves.map(({ to }) => to);
}

async function lockText(name: string): Promise<string> {
  return readFile(join(scene.bench.desk.recipes, `${name}.lock.json`), 'utf8');
}

/** Each tag has moved once since, to an image of the new lock. */
async function completes(before: Record<string, string[]>): Promise<void> {
  await scene.night();
  for (const name of names) {
    const moves = await publishedMoves(name);
    expect(moves).toHaveLength(before[name]!.length + 1);
    expect(moves[0]).toBe(await scene.tag(name));
    expect(await lockText(name)).toContain(`lib-a-${version}-1.x86_64`);
  }
  expect(new Set(Object.values(outcomes(await scene.night())))).toEqual(new Set(['unchanged']));
}

async function movesBefore(): Promise<Record<string, string[]>> {
  const moves: Record<string, string[]> = {};
  for (const name of names) moves[name] = await publishedMoves(name);
  return moves;
}

async function killsCommand(point: number): Promise<void> {
  const before = await movesBefore();
  await update();
  const { code } = await killedAt(Math.max(1, Math.round(point * lineCount)));
  expect(code).toBeUndefined();
  await completes(before);
}

async function killsWorker(mark: string): Promise<void> {
  const before = await movesBefore();
  await update();
  const worker = scene.bench.start(['worker', '--log', 'json']);
  let ready = () => {};
  const takes = new Promise<void>((done) => (ready = done));
  const splitter = new LineSplitter((line) => {
    if (/takes .*publish/.test(line)) ready();
    else if (line.includes(mark)) worker.kill('SIGKILL');
  });
  worker.stdout.on('data', (chunk: Buffer) => splitter.push(chunk));
  worker.stderr.on('data', (chunk: Buffer) => splitter.push(chunk));
  await takes;
  await scene.night();
  // Nothing but its mark has killed it.
  expect((await worker).signal).toBe('SIGKILL');
  await completes(before);
}

const points = Array.from({ length: 24 }, (_, index) => (index + 0.5) / 24);
const marks = ['begins', 'installing', 'booting', 'pushing', 'signing', 'verifying'];
/** The marks are spread among the points, so that each week has one of them. */
const kills: [string, () => Promise<void>][] = points.flatMap((point, index) => {
  const mark = index % 4 === 3 ? marks[(index - 3) / 4] : undefined;
  const command = [
    `the command is killed after ${Math.round(point * 100)} of 100 lines`,
    () => killsCommand(point),
  ];
  const worker = [`the worker is killed while it is ${mark}`, () => killsWorker(mark!)];
  return (mark === undefined ? [command] : [command, worker]) as [string, () => Promise<void>][];
});
test.each(shareOfDay(kills, kills.length))('%s', (_name, kill) => kill());
