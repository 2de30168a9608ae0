import { PoolCommand } from '../../cli/pool-command.ts';
import { poolStatus, type PoolState } from '../../pipeline/setup/pool.ts';

export default class PoolStatusCommand extends PoolCommand {
  static override summary = 'Show how full the dm-thin pool is, and what each image costs in it';
  static override description =
    'Of each image: what its tree holds of the pool, and what nothing else shares, which its removal would give back.';
  static override examples = ['<%= config.bin %> pool status', '<%= config.bin %> pool status --json'];

  async run(): Promise<PoolState> {
    const { flags } = await this.parse(PoolStatusCommand);
    const pool = await poolStatus(this.runOptions(flags).state);
    this.show(pool);
    return pool;
  }
}
