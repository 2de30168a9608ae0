import { MillinerCommand } from '../../cli/base-command.ts';
import { ownMachine, showToken } from '../../queue/machine.ts';

export default class MachineShowCommand extends MillinerCommand {
  static override summary = 'Show the token by which other machines enroll this one';
  static override description = `A state directory is a machine of the queue: what it gives to others is signed with a key of its own, which is made
when it is first needed (STATE/machine/machine.key). The token names the public half, and is no secret.`;
  static override examples = [
    '<%= config.bin %> machine show',
    '<%= config.bin %> machine show --state /srv/milliner',
  ];

  async run(): Promise<object> {
    const { flags } = await this.parse(MachineShowCommand);
    const { state } = this.runOptions(flags);
    const { machine } = await ownMachine(state);
    const token = showToken(machine);
    this.log(token);
    return { id: machine.id, name: machine.name, token };
  }
}
