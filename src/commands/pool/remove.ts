import { Flags } from '@oclif/core';
import { MillinerCommand } from '../../cli/base-command.ts';
import { removeStatePool } from '../../pipeline/setup/pool.ts';

export default class PoolRemoveCommand extends MillinerCommand {
  static override summary = 'Take the dm-thin pool down and free its devices';
  static override description =
    'Refused while something uses it, and, without --force, while it holds snapshots of images. Those images are built again, in overlay snapshots or the next pool, when they are next asked for.';
  static override examples = ['<%= config.bin %> pool remove', '<%= config.bin %> pool remove --force'];
  static override flags = {
    force: Flags.boolean({ summary: 'also with the snapshots that it holds', default: false }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(PoolRemoveCommand);
    const removed = await removeStatePool(this.runOptions(flags).state, { force: flags.force });
    this.log(`pool ${removed.uuid} is removed`);
    return removed;
  }
}
