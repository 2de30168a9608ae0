/** What each command says of itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkout, Desk } from '../../helpers/milliner.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
});
afterAll(() => desk.remove());

/** Their words: a folder is a topic of several. */
const commands = readdirSync(join(checkout, 'src/commands'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replace(/\.ts$/, '').split('/'));

test.each(commands.map((words) => [words.join(' '), words] as const))(
  '%s --help shows its usage and examples',
  async (command, args) => {
    const { code, stdout } = await desk.run([...args, '--help']);
    expect(code).toBe(0);
    for (const words of ['USAGE', 'EXAMPLES', `$ milliner ${command}`, '--json', '--state'])
      expect(stdout).toContain(words);
  },
);

test('--help lists every command, --version tells the version, and nothing at all is help', async () => {
  const [help, version, nothing] = await Promise.all(
    [['--help'], ['--version'], []].map((args) => desk.run(args)),
  );
  for (const [command] of commands) expect(help!.stdout).toContain(`  ${command} `);
  expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^milliner\/\d/) as string });
  expect(nothing!.stdout).toContain('COMMANDS');
});

test('what comes before the look at the version of Node can be loaded by old ones', () => {
  const imports = (file: string) =>
    [
      ...readFileSync(join(checkout, 'dist', file), 'utf8').matchAll(/^(?:import|export) .*from '(.+)';$/gm),
    ].map(([, name]) => name);
  expect(imports('cli.js')).toEqual(['node:path', './lib/errors/error.js']);
  expect(new Set(imports('lib/errors/error.js'))).toEqual(new Set(['./exit-codes.js', './table.js']));
});

test('the manifest, which saves a start from loading every command, names them all', () => {
  const text = readFileSync(join(checkout, 'oclif.manifest.json'), 'utf8');
  const { commands: listed } = JSON.parse(text) as { commands: Record<string, object> };
  expect(Object.keys(listed).toSorted()).toEqual(commands.map((words) => words.join(':')).toSorted());
});

test('a reader of stdout that goes away is no error', async () => {
  const wrapper = ['bash', '-c', '"$@" | head -c 1; exit "${PIPESTATUS[0]}"', 'sh'];
  const { code, stdout, stderr } = await desk.run(['doctor'], { wrapper });
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'o', stderr: '' });
});
