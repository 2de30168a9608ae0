/** What others give never reaches a terminal as it is, and nobody has to take what a command writes. */
import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { printable } from '../../../src/lib/host/printable.ts';
import { Desk, type ErrorAnswer } from '../../helpers/milliner.ts';
import { leftovers } from '../../helpers/traces.ts';

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.open();
});
afterEach(async () => {
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

const evil = 'x\u001B[2J\u009B1m\u202Ey\u0007\r';

test.each([
  ['an image', ['inspect', evil]],
  ['a recipe', ['build', `${evil}.yaml`]],
  ['an instance', ['logs', evil]],
  ['a flag', ['ps', `--${evil}`]],
  ['an argument too many', ['ps', evil]],
  ['a command', [evil]],
  ['a command of a topic', ['queue', evil]],
  ['a size', ['gc', '--max-size', evil]],
  ['a choice', ['ps', '--storage', evil]],
  ['a number', ['queue', 'status', '--finished', evil]],
  ['a state', ['ps', '--state', `/dev/null/${evil}`]],
  ['a release', ['queue', 'status', evil]],
  ['with a trace', ['inspect', evil, '--debug']],
])('%s of a name that a terminal obeys', async (_what, args) => {
  for (const words of [args, [...args, '--json']]) {
    const { code, stdout, stderr } = await desk.run(words, { env: { LC_ALL: 'C.UTF-8' } });
    expect(code, words.join(' ')).toBeGreaterThan(0);
    expect({ stdout, stderr }).toEqual({ stdout: printable(stdout), stderr: printable(stderr) });
  }
});

test.each(['{{log "\u001B[2J"}}', '{{log name level="error"}}', '{{list.map}}'])(
  'a template that would write: %j',
  async (content) => {
    const files = [{ path: '/etc/x', content: undefined, template: 'x.hbs' }];
    await mkdir(desk.path('templates'));
    await writeFile(desk.path('templates/x.hbs'), content);
    const fields = { packages: ['tiny-base'], files, values: { name: evil, list: [] } };
    const recipe = await desk.tiny('writes', ['tiny-base'], fields);
    const ended = await desk.run(['build', recipe, '--json']);
    expect((JSON.parse(ended.stdout) as { error: ErrorAnswer }).error.code).toBe('RECIPE_INVALID');
    expect(ended.stderr).toBe(printable(ended.stderr));
  },
);

/** Its stdout or stderr is a disk without room. */
const redirected = (where: string) => ['sh', '-c', `exec "$@" ${where}`, 'sh'];

test.each([
  ['an answer that cannot be written', ['ps', '--json'], '>/dev/full', 9],
  ['words that cannot be written', ['--help'], '>/dev/full', 9],
  ['the version', ['--version'], '>/dev/full', 9],
  ['an answer, and nowhere to say so', ['ps', '--json'], '>/dev/full 2>/dev/full', 9],
  ['an error that cannot be told', ['inspect', 'none'], '2>/dev/full', 3],
  ['an error that cannot be answered', ['inspect', 'none', '--json'], '>/dev/full', 3],
  ['a usage that cannot be told', ['ps', '--none'], '2>/dev/full', 2],
  ['descriptors that are closed', ['ps', '--json'], '>&- 2>&-', 0],
])('%s: its own exit code, and no trace of Node', async (_what, args, where, exit) => {
  const { code, stdout, stderr } = await desk.run(args, { wrapper: redirected(where) });
  expect({ code, stdout }).toEqual({ code: exit, stdout: '' });
  expect(stderr).not.toMatch(/^ {4}at /m);
});

test('a build whose story nobody takes is built', async () => {
  const recipe = await desk.tiny('quiet', ['tiny-base']);
  const ended = await desk.run(['build', recipe, '--json'], { wrapper: redirected('2>/dev/full') });
  expect(ended.code).toBe(0);
  expect(JSON.parse(ended.stdout)).toMatchObject({ name: 'quiet' });
});
