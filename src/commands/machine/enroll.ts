import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../../cli/base-command.ts';
import { enrollMachine, parseToken, rights } from '../../queue/machine.ts';

export default class MachineEnrollCommand extends MillinerCommand {
  static override summary = 'Take the word of another machine that shares the queue';
  static override description = `submit: its requests for releases; build: what it says it has locked, built and booted; sign: what it says it has
signed and published. A machine that submits must know those that build and sign, to believe that a release is done; one
that builds those that submit and build; one that signs all of them. What it was enrolled for before is replaced.`;
  static override examples = [
    '<%= config.bin %> machine enroll milliner-machine:build-1:MCowBQYDK2Vw... --for build',
    '<%= config.bin %> machine enroll milliner-machine:desk:MCowBQYDK2Vw... --for submit --name release-desk',
  ];
  static override args = {
    token: Args.string({ required: true, description: 'what milliner machine show prints there' }),
  };
  static override flags = {
    for: Flags.option({
      options: rights,
      multiple: true,
      multipleNonGreedy: true,
      required: true,
      summary: 'what its word counts for; may be repeated',
    })(),
    name: Flags.string({ summary: 'what to call it here, in place of its host name' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(MachineEnrollCommand);
    const { state } = this.runOptions(flags);
    const key = parseToken(args.token);
    const machine = await enrollMachine(state, { ...key, name: flags.name ?? key.name }, flags.for);
    this.log(`${machine.name} (${machine.id}) may ${machine.rights.join(', ')}`);
    return { machine };
  }
}
