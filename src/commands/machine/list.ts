import { MillinerCommand } from '../../cli/base-command.ts';
import { enrolledMachines } from '../../queue/machine.ts';

export default class MachineListCommand extends MillinerCommand {
  static override summary = 'List the machines whose word counts here';
  static override examples = ['<%= config.bin %> machine list', '<%= config.bin %> machine list --json'];

  async run(): Promise<object> {
    const { flags } = await this.parse(MachineListCommand);
    const machines = await enrolledMachines(this.runOptions(flags).state);
    for (const { id, name, rights, enrolled } of machines) {
      this.log(`${name}  ${id}  ${rights.join(', ')}  since ${enrolled.slice(0, 10)}`);
    }
    if (machines.length === 0) this.log('none besides this one');
    return { machines };
  }
}
