import { Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { stopInstances, stopStacks } from '../pipeline/instance/control.ts';
import { isStackName } from '../pipeline/instance/stack-words.ts';

export default class StopCommand extends MillinerCommand {
  static override summary = 'Stop instances, and remove all that was theirs';
  static override description =
    "Sends the image's own stop signal and waits as long as its recipe allows (30 s); then they are killed. The services of a stack are stopped one after the other, each before those that it waited for.";
  static override examples = [
    '<%= config.bin %> stop 4f1c9a0e12ab',
    '<%= config.bin %> stop demo.stack',
    '<%= config.bin %> stop --all',
  ];
  static override strict = false;
  static override usage = ['stop ID...', 'stop NAME.stack...', 'stop --all'];
  static override flags = { all: Flags.boolean({ summary: 'every instance that runs', default: false }) };

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(StopCommand);
    const ids = argv.map(String);
    if (flags.all === ids.length > 0)
      throw new MillinerError('USAGE', 'neither ids of instances, nor stacks, nor --all were given');
    return this.withContext(flags, async (context) => {
      const stacks = ids.filter(isStackName);
      const single = ids.filter((id) => !isStackName(id));
      const stopped = [
        ...(await stopStacks(context, flags.all ? 'all' : stacks)),
        ...(await stopInstances(context, flags.all ? 'all' : single)),
      ];
      for (const { id } of stopped) this.log(id);
      return { stopped: stopped.map(({ id }) => id) };
    });
  }
}
