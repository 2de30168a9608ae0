/** A command that waits for what never comes does not end well, though Node would have it so. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { start } from '../../../src/lib/host/exec.ts';
import { checkout } from '../../helpers/milliner.ts';

const script = `
import { Config } from '@oclif/core';
import { MillinerCommand } from ${JSON.stringify(join(checkout, 'src/cli/base-command.ts'))};
class Waiting extends MillinerCommand {
  async run() { await this.parse(Waiting); await new Promise(() => {}); }
}
void new Waiting(process.argv.slice(1), await Config.load(process.cwd()))._run();
`;

test.each([[], ['--json']])('with %j', async (...flags) => {
  const args = ['--input-type=module', '--eval', script, '--', ...flags];
  const { exitCode, stdout, stderr } = await start(process.execPath, args, { cwd: checkout });
  expect(exitCode).toBe(1);
  expect(flags.length > 0 ? stdout : stderr).toMatch(/INTERNAL/);
});
