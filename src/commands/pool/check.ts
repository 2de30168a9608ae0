import { MillinerCommand } from '../../cli/base-command.ts';
import { checkStatePool } from '../../pipeline/setup/pool.ts';

export default class PoolCheckCommand extends MillinerCommand {
  static override summary =
    'Check the metadata of the dm-thin pool, and hold its thin ids against the database';
  static override description =
    'Nothing may use the pool meanwhile. What is wrong is mended with pool repair.';
  static override examples = ['<%= config.bin %> pool check', '<%= config.bin %> pool check --json'];

  async run(): Promise<object> {
    const { flags } = await this.parse(PoolCheckCommand);
    const checked = await checkStatePool(this.runOptions(flags));
    this.log('the pool is clean');
    return checked;
  }
}
