import { Args } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { captureInInstance, execInInstance } from '../pipeline/instance/control.ts';

export default class ExecCommand extends MillinerCommand {
  static override summary = 'Run a program in an instance';
  static override description =
    'With our terminal where there is one. Ends with the exit code of the program; with --json what it wrote is part of the answer.';
  static override examples = [
    '<%= config.bin %> exec 4f1c9a0e12ab -- systemctl status',
    '<%= config.bin %> exec 4f1c9a0e12ab -- bash',
  ];
  static override strict = false;
  static override usage = 'exec ID -- PROGRAM [ARGUMENT...]';
  static override args = { id: Args.string({ required: true, description: 'as run and ps show it' }) };

  async run(): Promise<object> {
    const { args, argv, flags } = await this.parse(ExecCommand);
    const program = argv.slice(1).map(String);
    if (program.length === 0)
      throw new MillinerError('USAGE', 'no program was given to run: name it after --');
    return this.withContext(flags, async (context) => {
      const ended = this.jsonEnabled()
        ? await captureInInstance(context, args.id, program)
        : { exitCode: await execInInstance(context, args.id, program) };
      process.exitCode = ended.exitCode;
      return ended;
    });
  }
}
