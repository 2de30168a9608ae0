import { MillinerCommand } from '../../cli/base-command.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { removeVolumes } from '../../pipeline/instance/remove-volumes.ts';

export default class VolumeRemoveCommand extends MillinerCommand {
  static override summary = 'Remove volumes with all that is in them';
  static override description =
    'Refused while the stack runs. With the last volume of a stack the secrets that were made for it go, too: the next run begins anew.';
  static override examples = ['<%= config.bin %> volume remove demo.data'];
  static override strict = false;
  static override usage = 'volume remove STACK.VOLUME...';

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(VolumeRemoveCommand);
    const names = argv.map(String);
    if (names.length === 0) throw new MillinerError('USAGE', 'no volume was given: name it as STACK.VOLUME');
    return this.withState(flags, async ({ state }) => {
      await removeVolumes(state, names);
      for (const name of names) this.log(name);
      return { removed: names };
    });
  }
}
