import { Args } from '@oclif/core';
import { MillinerCommand } from '../../cli/base-command.ts';
import { dismissMachine } from '../../queue/machine.ts';

export default class MachineDismissCommand extends MillinerCommand {
  static override summary = 'Take the word of a machine no more';
  static override description =
    'From now on nothing that it has sealed counts here, also what lies in the queue already.';
  static override examples = ['<%= config.bin %> machine dismiss build-1'];
  static override args = {
    machine: Args.string({ required: true, description: 'its name or its id, as machine list shows them' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(MachineDismissCommand);
    const machines = await dismissMachine(this.runOptions(flags).state, args.machine);
    for (const { id, name } of machines) this.log(`${name} (${id}) is dismissed`);
    return { machines };
  }
}
