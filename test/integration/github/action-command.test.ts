/** The script of the action, run as the runner of GitHub runs it, with a stand-in for Milliner's CLI. */
import { cp, mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../../../spec/places.ts';
import { run } from '../../../src/lib/host/exec.ts';

const action = '.github/actions/milliner';

/** A copy of the repository as GitHub unpacks it, whose CLI writes its arguments, and ends with their number. */
async function runCommand(command: string) {
  const root = await mkdtemp(join(tmpdir(), 'milliner-action-'));
  await cp(join(checkout, action), join(root, action), { recursive: true });
  await mkdir(join(root, 'node_modules/.bin'), { recursive: true });
  await mkdir(join(root, 'dist'));
  await symlink(process.execPath, join(root, 'node_modules/.bin/node'));
  const cli =
    'process.stdout.write(JSON.stringify(process.argv.slice(2))); process.exitCode = process.argv.length - 2;';
  await writeFile(join(root, 'dist/cli.js'), cli);
  const env = {
    RUNNER_TEMP: root,
    GITHUB_OUTPUT: join(root, 'output'),
    MILLINER_COMMAND: command,
  };
  const script = join(root, action, 'run-command.sh');
  const { stdout, exitCode } = await run('bash', [script], { cwd: root, env, allow: [0, 1, 2, 3] });
  const output = await readFile(env.GITHUB_OUTPUT, 'utf8').catch(() => '');
  return { lines: stdout.split('\n'), exitCode, output };
}

test('each line is one argument, whatever a shell would make of it', async () => {
  const words = ['build', 'a b; $(reboot) `reboot` * "', '::set-output name=a::b'];
  const { lines, exitCode, output } = await runCommand(`\n${words.join('\n')}\n\n`);
  expect(exitCode).toBe(words.length);
  expect(lines[1]).toBe(JSON.stringify(words));
  const answer = /^answer=(.+)\n$/.exec(output)![1]!;
  expect(await readFile(answer, 'utf8')).toBe(JSON.stringify(words));
});

test('the runner obeys no line of the command: only the word before it ends that', async () => {
  const { lines } = await runCommand('build');
  const word = /^::stop-commands::([0-9a-f-]{36})$/.exec(lines[0]!)![1];
  expect(lines.slice(2)).toEqual([`::${word}::`, '']);
});

test('no command is a fault of the caller', async () => {
  expect(await runCommand('\n\n')).toMatchObject({ exitCode: 2, lines: [''] });
});
