/** Publishers at the same time: no signature and no record of a tag is lost, whoever comes second. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { Bench } from '../../helpers/publish-fixture.ts';
import { buildTwo, recipeOfTwo, twoArches } from '../../helpers/two-arches.ts';

useOneProcess();

const names = ['one', 'two', 'three'] as const;
let bench: Bench;
let host: string;
/** The index of each recipe. */
const indexes: string[] = [];

beforeAll(async () => {
  bench = await Bench.open();
  host = bench.server.host;
  for (const name of names) {
    await buildTwo(bench.desk, await recipeOfTwo(bench.desk, name));
    for (const arch of twoArches) await bench.run(['boot', name, '--arch', arch]);
    indexes.push((await bench.publish(name, `${host}/first/${name}:1`)).manifestDigest);
  }
});
afterAll(() => bench.close());

/** Processes of their own, at once: their exit codes. */
async function atOnce(commands: { args: string[]; state?: string }[]): Promise<(number | undefined)[]> {
  const ended = commands.map(async ({ args, state }) => {
    const env = state === undefined ? {} : { MILLINER_STATE: state };
    return (await bench.start([...args, '--json'], env)).exitCode;
  });
  return Promise.all(ended);
}

const verify = (reference: string) => bench.run(['verify', reference, '--key', bench.publicKey]);
const movesOf = async (reference: string) => {
  const args = ['log', reference, '--key', bench.publicKey];
  return (await bench.run<{ moves: { reason: string; to: string }[] }>(args)).moves;
};

test('one index is promoted, published and rolled back to under several tags of a repository at once', async () => {
  const at = (tag: string) => `${host}/first/one:${tag}`;
  // Another image of the same repository, from which a rollback comes back to the one that all sign.
  await bench.publish('one', at('back'));
  await bench.publish('two', at('back'));
  const key = ['--key', bench.key];
  const exits = await atOnce([
    { args: ['promote', at('1'), at('a'), ...key] },
    { args: ['promote', at('1'), at('b'), ...key] },
    { args: bench.publishing('one', at('c')) },
    { args: ['rollback', at('back'), ...key] },
  ]);
  expect(exits).toEqual([0, 0, 0, 0]);
  for (const tag of ['1', 'a', 'b', 'c', 'back'])
    expect(await verify(at(tag))).toMatchObject({ manifestDigest: indexes[0] });
});

test('three publishers without a common state move one tag: its history has all of their records', async () => {
  const reference = `${host}/contended:1`;
  const states = [undefined, bench.desk.path('second'), bench.desk.path('third')];
  for (const state of states) if (state) await run('cp', ['-a', bench.desk.state, state]);
  const commands = names.map((name, index) => {
    const state = states[index];
    return { args: bench.publishing(name, reference), ...(state !== undefined && { state }) };
  });
  const exits = await atOnce(commands);
  // One that sees another's image under the tag, or that a record of its own is lost, says so.
  const recorded = exits.flatMap((exit, index) => (exit === 0 ? [indexes[index]!] : []));
  expect(recorded.length).toBeGreaterThan(0);
  const moves = await movesOf(reference);
  expect(moves.map(({ to }) => to)).toEqual(expect.arrayContaining(recorded));
  const last = await bench.publish('three', reference);
  expect(await verify(reference)).toMatchObject({ manifestDigest: last.manifestDigest });
});
