import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { followLogs, readLogs } from '../pipeline/instance/control.ts';

export default class LogsCommand extends MillinerCommand {
  static override summary = 'Show what an instance wrote: its journal, or the output of its program';
  static override examples = [
    '<%= config.bin %> logs 4f1c9a0e12ab',
    '<%= config.bin %> logs 4f1c9a0e12ab --follow',
  ];
  static override args = { id: Args.string({ required: true, description: 'as run and ps show it' }) };
  static override flags = {
    follow: Flags.boolean({ char: 'f', summary: 'go on as it writes more', exclusive: ['json'] }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(LogsCommand);
    return this.withContext(flags, async (context) => {
      const show = (text: string) => text !== '' && this.log(text.replace(/\n$/, ''));
      if (flags.follow) {
        await followLogs(context, args.id, show);
        return {};
      }
      const log = await readLogs(context, args.id);
      show(log);
      return { log };
    });
  }
}
